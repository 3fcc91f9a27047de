using DurableTask.Core;
using DurableTask.Core.History;

namespace DurableTask.Sqlite;

// What is written. Texts are made before: nothing here throws between two writes but SQLite, and then nothing of the transaction stays and all of it is done again.
internal sealed partial class Journal
{
    private const string Family =
        "WITH RECURSIVE family(key, id) AS (SELECT key, id FROM instances WHERE id=$1 UNION ALL SELECT i.key, i.id FROM instances i JOIN family f ON i.parent_id=f.id)";

    private const string FinishedFamily =
        $"""
        WITH RECURSIVE family(key, id) AS (SELECT key, id FROM instances WHERE id=$1 AND NOT {Unfinished}
          UNION ALL SELECT i.key, i.id FROM instances i JOIN family f ON i.parent_id=f.id WHERE NOT i.{Unfinished})
        """;

    private readonly Writes _writes;
    private JournalMark? _stamped;

    /// <summary>Told the key of each activity that is deleted because its instance has ended.</summary>
    public Action<long>? ActivityEnded { get; set; }

    /// <summary>Counts the transaction that has begun.</summary>
    public void Stamp(DateTime now) => _stamped = Mark with { Transactions = _writes.Stamp.Number(Time(now))!.Value, Time = now };

    /// <summary>The transaction is on the disk.</summary>
    public void Committed() => Mark = _stamped ?? Mark;

    /// <summary>Brings timers forward by some time. A start for a certain hour stays where it is.</summary>
    public void Advance(TimeSpan time) => _writes.Advance.Run(time.Ticks);

    /// <summary>Adds a new instance; there must be none of its id. Returns its key.</summary>
    public long Add(ExecutionStartedEvent started, DateTime now) => _writes.Insert.Number(
        started.OrchestrationInstance.InstanceId, started.OrchestrationInstance.ExecutionId, started.Name, started.Version, started.Input, Json(started.Tags),
        started.ParentInstance?.OrchestrationInstance.InstanceId, Json(started.ParentInstance), started.Generation, Time(now),
        started.ScheduledStartTime is { } start ? Time(start) : null)!.Value;

    /// <summary>Writes how an instance stands after a turn, but for what the turn wants of others. False when it was ended, replaced or purged meanwhile: then nothing is written.</summary>
    public bool Write(Turn turn, DateTime now)
    {
        var (state, key) = (turn.State, turn.Key);
        Drop(turn.Consumed);
        var changed = _writes.Turn.Run(
            key, state.OrchestrationInstance.ExecutionId, state.Version, (int)state.OrchestrationStatus, state.Input, state.Output,
            turn.Failure, state.Status, Json(state.Tags), state.Generation, Time(now), turn.IsFinished ? Time(now) : null);
        if (changed == 0)
            return false;
        if (turn.IsNewExecution)
        {
            _writes.DropHistory.Run(key);
            _writes.DropTimers.Run(key);
        }

        if (turn.IsRewind)
            _writes.Parent.Run(key, Json(state.ParentInstance));
        _writes.AddHistory.Run(key, turn.History);
        if (turn.IsFinished)
            DropWork(key);
        return true;
    }

    /// <summary>Adds a message. False when no unfinished instance takes it.</summary>
    public bool Add(Pending pending) =>
        _writes.AddMessage.Run(pending.Id, pending.InstanceId, pending.Due is { } due ? Time(due) : null, pending.IsRecursive, pending.Json) > 0;

    /// <summary>A finished instance is pending until its rewind is done, so that who waits waits for what comes then. Returns false when there is none.</summary>
    public bool AddRewind(Pending rewind, DateTime now)
    {
        _writes.Reopen.Run(rewind.InstanceId, Time(now));
        return Add(rewind);
    }

    public void Add(PendingActivity activity, long key) => _writes.AddActivity.Run(activity.Id, key, activity.Json);

    public void Drop(IReadOnlyList<Pending> messages)
    {
        foreach (var message in messages)
            _writes.DropMessage.Run(message.Id);
    }

    /// <summary>False when it has ended or was recorded before.</summary>
    public bool DropActivity(long id) => _writes.DropActivity.Run(id) > 0;

    /// <summary>Ends an instance without a turn. False when it had ended.</summary>
    public bool End(string id, OrchestrationStatus status, string? output, DateTime now)
    {
        if (_reads.Key.Number(id) is not { } key || _writes.End.Run(key, (int)status, output, Time(now)) == 0)
            return false;
        DropWork(key);
        return true;
    }

    public void Refuse(long key, string sentence) => _writes.Refuse.Run(key, sentence);

    /// <summary>Lets instances that were refused try again.</summary>
    public void Readmit() => Execute(_connection, "UPDATE instances SET refused=NULL WHERE refused IS NOT NULL");

    /// <summary>Deletes a finished instance and the finished ones below it; what still runs stays, with what is below that. Returns the number of instances.</summary>
    public int Purge(string id) => Delete(_writes.FinishedFamily.Rows(row => row.GetInt64(0), id));

    /// <summary>Deletes an instance and everything below it, whatever it does. Returns the number of instances.</summary>
    public int Delete(string id) => Delete(_reads.Family.Rows(row => row.GetInt64(0), id));

    private int Delete(List<long> keys)
    {
        foreach (var key in keys)
        {
            DropWork(key);
            _writes.DropHistory.Run(key);
            _writes.Delete.Run(key);
        }

        return keys.Count;
    }

    private void DropWork(long key)
    {
        _writes.DropMessages.Run(key);
        foreach (var activity in _writes.DropActivities.Rows(row => row.GetInt64(0), key))
            ActivityEnded?.Invoke(activity);
    }

    private static string? Json(IDictionary<string, string>? tags) => tags is { Count: > 0 } ? EventJson.Write(tags) : null;

    private static string? Json(ParentInstance? parent) => parent is null ? null : EventJson.Write(parent);

    private sealed class Writes(Journal journal)
    {
        public Statement Stamp { get; } = journal.Prepare("UPDATE written SET transactions=transactions+1, time=$1 RETURNING transactions", 1);

        public Statement Advance { get; } = journal.Prepare(
            """UPDATE messages SET due=max(0, due-$1) WHERE due IS NOT NULL AND instr(message, '"$type":"ExecutionStartedEvent"')=0""", 1);

        public Statement Insert { get; } = journal.Prepare(
            """
            INSERT INTO instances(id, execution, name, version, status, input, tags, parent_id, parent, generation, created, updated, scheduled)
            VALUES($1, $2, $3, $4, 6, $5, $6, $7, $8, $9, $10, $10, $11) RETURNING key
            """,
            11);

        public Statement Turn { get; } = journal.Prepare(
            $"""
            UPDATE instances SET execution=$2, version=$3, status=$4, input=$5, output=$6, failure=$7, custom_status=$8, tags=$9, generation=$10, updated=$11, completed=$12, refused=NULL
            WHERE key=$1 AND {Unfinished}
            """,
            12);

        public Statement Parent { get; } = journal.Prepare("UPDATE instances SET parent=$2 WHERE key=$1", 2);

        public Statement End { get; } = journal.Prepare($"UPDATE instances SET status=$2, output=$3, updated=$4, completed=$4, refused=NULL WHERE key=$1 AND {Unfinished}", 4);

        public Statement Reopen { get; } = journal.Prepare(
            $"UPDATE instances SET status=6, output=NULL, failure=NULL, completed=NULL, updated=$2 WHERE id=$1 AND NOT {Unfinished}", 2);

        public Statement Refuse { get; } = journal.Prepare($"UPDATE instances SET refused=$2 WHERE key=$1 AND {Unfinished}", 2);

        public Statement Delete { get; } = journal.Prepare("DELETE FROM instances WHERE key=$1", 1);

        public Statement FinishedFamily { get; } = journal.Prepare($"{Journal.FinishedFamily} SELECT key FROM family", 1);

        public Statement AddHistory { get; } = journal.Prepare("INSERT INTO history SELECT $1, 1 + coalesce((SELECT max(turn) FROM history WHERE instance=$1), 0), $2", 2);

        public Statement DropHistory { get; } = journal.Prepare("DELETE FROM history WHERE instance=$1", 1);

        public Statement AddMessage { get; } = journal.Prepare($"INSERT INTO messages SELECT $1, key, $3, $4, $5 FROM instances WHERE id=$2 AND {Unfinished}", 5);

        public Statement DropMessage { get; } = journal.Prepare("DELETE FROM messages WHERE id=$1", 1);

        public Statement DropMessages { get; } = journal.Prepare("DELETE FROM messages WHERE instance=$1", 1);

        public Statement DropTimers { get; } = journal.Prepare("DELETE FROM messages WHERE instance=$1 AND due IS NOT NULL", 1);

        public Statement AddActivity { get; } = journal.Prepare("INSERT INTO activities VALUES($1, $2, $3)", 3);

        public Statement DropActivity { get; } = journal.Prepare("DELETE FROM activities WHERE id=$1", 1);

        public Statement DropActivities { get; } = journal.Prepare("DELETE FROM activities WHERE instance=$1 RETURNING id", 1);
    }
}
