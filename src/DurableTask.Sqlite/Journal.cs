using DurableTask.Core;
using DurableTask.Core.History;
using DurableTask.Core.Query;
using Microsoft.Data.Sqlite;

namespace DurableTask.Sqlite;

/// <summary>A message that waits for an instance.</summary>
/// <param name="Id">Its key in the journal.</param>
/// <param name="Due">UTC; null for at once.</param>
/// <param name="Message">What is delivered.</param>
internal sealed record Pending(long Id, DateTime? Due, TaskMessage Message)
{
    /// <summary>Of the start of an instance that was written a moment ago: its key, so that nothing is read for its first turn.</summary>
    public long? NewInstance { get; init; }
}

/// <summary>An activity that is to run.</summary>
internal sealed record PendingActivity(long Id, TaskMessage Message)
{
    /// <summary>How often it could not be run, one after the other.</summary>
    public int Failures { get; init; }
}

/// <summary>An instance with the history of its present execution.</summary>
internal sealed record Recorded(long Key, OrchestrationStatus Status, string? CustomStatus, List<HistoryEvent> History);

/// <summary>What a turn of an orchestration decided.</summary>
/// <param name="Key">The instance.</param>
/// <param name="State">How it stands now.</param>
/// <param name="IsNewExecution">The history begins anew: the first turn, continue-as-new, rewind.</param>
/// <param name="Events">What the turn added to the history.</param>
/// <param name="Consumed">Messages that the turn took.</param>
/// <param name="Messages">To instances, timers among them.</param>
/// <param name="Activities">To be run.</param>
internal sealed record Turn(
    long Key, OrchestrationState State, bool IsNewExecution, IList<HistoryEvent> Events, IReadOnlyList<Pending> Consumed,
    IReadOnlyList<Pending> Messages, IReadOnlyList<PendingActivity> Activities)
{
    public bool IsRewind => IsNewExecution && Events.Any(added => added is ExecutionRewoundEvent);
}

/// <summary>The sentences that are written into the journal and read from it. Used by the writer thread alone, inside its transaction.</summary>
internal sealed class Journal : IDisposable
{
    private const long Version = 2;

    private const string Unfinished = "status IN (0, 6, 7)"; // Running, Pending, Suspended

    // Times are ticks of .NET, UTC. AUTOINCREMENT: a key is never given twice, so a late row cannot reach another instance of the same id.
    // A history has a row for each turn; rows are deleted by continue-as-new, rewind and purge only.
    private const string Tables = """
        CREATE TABLE instances(
            key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, execution TEXT NOT NULL, name TEXT NOT NULL, version TEXT, status INTEGER NOT NULL,
            input TEXT, output TEXT, failure TEXT, custom_status TEXT, tags TEXT, parent_id TEXT, parent TEXT, generation INTEGER,
            created INTEGER NOT NULL, updated INTEGER NOT NULL, completed INTEGER, scheduled INTEGER, refused TEXT);
        CREATE INDEX instances_by_status ON instances(status, updated);
        CREATE INDEX instances_by_parent ON instances(parent_id) WHERE parent_id IS NOT NULL;
        CREATE TABLE history(instance INTEGER NOT NULL, turn INTEGER NOT NULL, events TEXT NOT NULL, PRIMARY KEY(instance, turn)) WITHOUT ROWID;
        CREATE TABLE messages(id INTEGER PRIMARY KEY, instance INTEGER NOT NULL, due INTEGER, message TEXT NOT NULL);
        CREATE INDEX messages_by_instance ON messages(instance);
        CREATE TABLE activities(id INTEGER PRIMARY KEY, instance INTEGER NOT NULL, message TEXT NOT NULL);
        CREATE INDEX activities_by_instance ON activities(instance);
        """;

    private const string Columns =
        "id, execution, name, version, status, input, output, failure, custom_status, tags, parent, generation, created, updated, completed, scheduled, refused, key";

    private const string Family =
        "WITH RECURSIVE family(key, id) AS (SELECT key, id FROM instances WHERE id=$1 UNION ALL SELECT i.key, i.id FROM instances i JOIN family f ON i.parent_id=f.id)";

    private readonly SqliteConnection _connection;
    private readonly List<Statement> _all = [];
    private readonly Statement _insert, _find, _key, _turn, _dropHistory, _addHistory, _history, _addMessage, _dropMessage, _dropTimers, _addActivity, _dropActivity;
    private readonly Statement _dropMessages, _dropActivities, _drop, _end, _refuse, _family;
    private long _lastId;

    private Journal(SqliteConnection connection)
    {
        _connection = connection;
        _insert = Prepare(
            """
            INSERT INTO instances(id, execution, name, version, status, input, tags, parent_id, parent, generation, created, updated, scheduled)
            VALUES($1, $2, $3, $4, 6, $5, $6, $7, $8, $9, $10, $10, $11) RETURNING key
            """,
            11);
        _find = Prepare($"SELECT {Columns} FROM instances WHERE id=$1", 1);
        _key = Prepare("SELECT key FROM instances WHERE id=$1", 1);
        _turn = Prepare(
            $"""
            UPDATE instances SET execution=$2, version=$3, status=$4, input=$5, output=$6, failure=$7, custom_status=$8, tags=$9, generation=$10, updated=$11, completed=$12, refused=NULL
            WHERE key=$1 AND ({Unfinished} OR $13)
            """,
            13);
        _dropHistory = Prepare("DELETE FROM history WHERE instance=$1", 1);
        _addHistory = Prepare("INSERT INTO history SELECT $1, 1 + coalesce((SELECT max(turn) FROM history WHERE instance=$1), 0), $2", 2);
        _history = Prepare("SELECT events FROM history WHERE instance=$1 ORDER BY turn", 1);
        // An ended instance takes nothing more but a rewind.
        _addMessage = Prepare($"INSERT INTO messages SELECT $1, key, $3, $4 FROM instances WHERE id=$2 AND ({Unfinished} OR $5)", 5);
        _dropTimers = Prepare("DELETE FROM messages WHERE instance=$1 AND due IS NOT NULL", 1);
        _dropMessage = Prepare("DELETE FROM messages WHERE id=$1", 1);
        _addActivity = Prepare("INSERT INTO activities VALUES($1, $2, $3)", 3);
        _dropActivity = Prepare("DELETE FROM activities WHERE id=$1", 1);
        _dropMessages = Prepare("DELETE FROM messages WHERE instance=$1", 1);
        _dropActivities = Prepare("DELETE FROM activities WHERE instance=$1", 1);
        _drop = Prepare("DELETE FROM instances WHERE key=$1", 1);
        _end = Prepare($"UPDATE instances SET status=$2, output=$3, updated=$4, completed=$4 WHERE key=$1 AND {Unfinished}", 4);
        _refuse = Prepare($"UPDATE instances SET refused=$2 WHERE key=$1 AND {Unfinished}", 2);
        _family = Prepare($"{Family} SELECT key, id FROM family", 1);
        using var last = connection.CreateCommand();
        last.CommandText = "SELECT max(coalesce((SELECT max(id) FROM messages), 0), coalesce((SELECT max(id) FROM activities), 0))";
        _lastId = (long)last.ExecuteScalar()!;
    }

    public SqliteConnection Connection => _connection;

    /// <summary>Opens the file, and makes its tables where they are missing.</summary>
    /// <exception cref="JournalException">The file is no journal, is damaged, or belongs to another version of this library.</exception>
    public static Journal Open(string path, bool write, bool survivePowerLoss)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = write ? SqliteOpenMode.ReadWriteCreate : SqliteOpenMode.ReadOnly,
            Pooling = false,
        }.ConnectionString);
        try
        {
            connection.Open();
            if (write)
                Execute(connection, $"PRAGMA journal_mode=WAL; PRAGMA synchronous={(survivePowerLoss ? "FULL" : "NORMAL")}; PRAGMA journal_size_limit=67108864;");
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version";
            var version = (long)command.ExecuteScalar()!;
            if (version > Version)
                throw new JournalException($"The journal {path} has version {version} and this program reads version {Version}; use the newer program.");
            if (version is > 0 and < Version)
            {
                throw new JournalException(
                    $"The journal {path} has version {version}, of an earlier program; finish its instances with that program, or move the file away to start with an empty journal.");
            }

            if (version == 0 && !write)
                throw new JournalException($"The file {path} holds no journal yet.");
            if (version == 0)
                Execute(connection, $"BEGIN; {Tables} PRAGMA user_version={Version}; COMMIT;");
            return new Journal(connection);
        }
        catch (SqliteException error)
        {
            connection.Dispose();
            throw new JournalException($"The journal {path} cannot be opened: {error.Message} Move it away to start with an empty one.", error);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>A key for a message or an activity that is to be written. Any thread.</summary>
    public long NextId() => Interlocked.Increment(ref _lastId);

    private static long Time(DateTime time) => (time.Kind == DateTimeKind.Local ? time.ToUniversalTime() : time).Ticks;

    private static DateTime Time(long ticks) => new(ticks, DateTimeKind.Utc);

    /// <summary>Adds a new instance; there must be none of its id. Returns its key.</summary>
    public long Add(ExecutionStartedEvent started, DateTime now) => _insert.Number(
        started.OrchestrationInstance.InstanceId, started.OrchestrationInstance.ExecutionId, started.Name, started.Version, started.Input, Json(started.Tags),
        started.ParentInstance?.OrchestrationInstance.InstanceId, started.ParentInstance is { } parent ? EventJson.Write(parent) : null, started.Generation, Time(now),
        started.ScheduledStartTime is { } start ? Time(start) : null)!.Value;

    public OrchestrationState? Find(string id) => _find.Rows(row => State(row, true), id).FirstOrDefault();

    public Recorded? Load(string id) =>
        _find.Rows(row => (Key: row.GetInt64(17), Status: (OrchestrationStatus)row.GetInt32(4), Custom: Statement.Text(row, 8)), id) is [var found]
            ? new Recorded(found.Key, found.Status, found.Custom, [.. History(found.Key)])
            : null;

    public IEnumerable<HistoryEvent> History(string id) => _key.Number(id) is { } key ? History(key) : [];

    /// <summary>Writes what a turn decided. False when the instance was ended, replaced or purged meanwhile: then nothing is written.</summary>
    public bool Write(Turn turn, DateTime now)
    {
        var (state, key) = (turn.State, turn.Key);
        foreach (var consumed in turn.Consumed)
            _dropMessage.Run(consumed.Id);
        var isFinished = !IsUnfinished(state.OrchestrationStatus);
        var changed = _turn.Run(
            key, state.OrchestrationInstance.ExecutionId, state.Version, (int)state.OrchestrationStatus, state.Input, state.Output,
            state.FailureDetails is { } failure ? EventJson.Write(failure) : null, state.Status, Json(state.Tags), state.Generation, Time(now), isFinished ? Time(now) : null,
            turn.IsRewind);
        if (changed == 0)
            return false;
        if (turn.IsNewExecution)
        {
            _dropHistory.Run(key);
            _dropTimers.Run(key);
        }

        _addHistory.Run(key, EventJson.Write(turn.Events));
        if (isFinished)
            DropWork(key);
        foreach (var message in turn.Messages)
            Add(message);
        foreach (var activity in turn.Activities)
            _addActivity.Run(activity.Id, key, EventJson.Write(activity.Message));
        return true;
    }

    /// <summary>False when no unfinished instance takes it.</summary>
    public bool Add(Pending pending) => _addMessage.Run(
        pending.Id, pending.Message.OrchestrationInstance.InstanceId, pending.Due is { } due ? Time(due) : null, EventJson.Write(pending.Message),
        pending.Message.Event is ExecutionRewoundEvent) > 0;

    public void Drop(IReadOnlyList<Pending> messages)
    {
        foreach (var message in messages)
            _dropMessage.Run(message.Id);
    }

    public void DropActivity(long id) => _dropActivity.Run(id);

    /// <summary>Ends an instance without a turn. False when it had ended.</summary>
    public bool End(string id, OrchestrationStatus status, string? output, DateTime now)
    {
        if (_key.Number(id) is not { } key || _end.Run(key, (int)status, output, Time(now)) == 0)
            return false;
        DropWork(key);
        return true;
    }

    public void Refuse(long key, string sentence) => _refuse.Run(key, sentence);

    /// <summary>An instance and everything below it, the instance first.</summary>
    public IReadOnlyList<string> FamilyOf(string id) => _family.Rows(row => row.GetString(1), id);

    /// <summary>Deletes a finished instance with everything below it. Returns the number of instances.</summary>
    public int Purge(string id)
    {
        var family = _family.Rows(row => row.GetInt64(0), id);
        family.ForEach(Delete);
        return family.Count;
    }

    /// <summary>Ids of finished instances without a parent.</summary>
    public List<string> Finished(DateTime? createdFrom, DateTime? createdTo, DateTime? updatedBefore, IEnumerable<OrchestrationStatus>? statuses)
    {
        using var select = new Statement(
            _connection,
            $"""
            SELECT id FROM instances WHERE NOT {Unfinished} AND ($1 IS NULL OR created>=$1) AND ($2 IS NULL OR created<=$2) AND ($3 IS NULL OR updated<$3)
              AND {In(statuses)} AND (parent_id IS NULL OR parent_id NOT IN (SELECT id FROM instances)) ORDER BY key
            """,
            3);
        return select.Rows(row => row.GetString(0), Of(createdFrom), Of(createdTo), Of(updatedBefore));
    }

    /// <summary>A page of instances, the newest first. The token is the key of the last one of the page before.</summary>
    public OrchestrationQueryResult Query(OrchestrationQuery query, bool topOnly = false)
    {
        using var select = new Statement(
            _connection,
            $"""
            SELECT {Columns} FROM instances WHERE ($1 IS NULL OR key<$1) AND ($2 IS NULL OR created>=$2) AND ($3 IS NULL OR created<=$3)
              AND ($4 IS NULL OR substr(id, 1, length($4))=$4) AND {In(query.RuntimeStatus)} AND ($5=0 OR parent_id IS NULL) ORDER BY key DESC LIMIT $6
            """,
            6);
        var before = query.ContinuationToken is { Length: > 0 } token ? long.Parse(token, System.Globalization.CultureInfo.InvariantCulture) : (long?)null;
        var page = Math.Max(1, query.PageSize);
        var rows = select.Rows(
            row => (State: State(row, query.FetchInputsAndOutputs), Key: row.GetInt64(17)),
            before, Of(query.CreatedTimeFrom), Of(query.CreatedTimeTo), query.InstanceIdPrefix, topOnly ? 1 : 0, page + 1);
        var next = rows.Count > page ? rows[page - 1].Key.ToString(System.Globalization.CultureInfo.InvariantCulture) : null;
        return new OrchestrationQueryResult([.. rows.Take(page).Select(row => row.State)], next);
    }

    /// <summary>Everything that waits, in the order in which it was written.</summary>
    public (List<Pending> Messages, List<PendingActivity> Activities) Waiting()
    {
        using var messages = new Statement(_connection, "SELECT id, due, message FROM messages ORDER BY id", 0);
        using var activities = new Statement(_connection, "SELECT id, message FROM activities ORDER BY id", 0);
        Execute(_connection, "UPDATE instances SET refused=NULL WHERE refused IS NOT NULL");
        return (
            messages.Rows(row => new Pending(row.GetInt64(0), row.IsDBNull(1) ? null : Time(row.GetInt64(1)), EventJson.Read<TaskMessage>(row.GetString(2)))),
            activities.Rows(row => new PendingActivity(row.GetInt64(0), EventJson.Read<TaskMessage>(row.GetString(1)))));
    }

    public void DeleteAll() => Execute(_connection, "DELETE FROM instances; DELETE FROM history; DELETE FROM messages; DELETE FROM activities;");

    public void Dispose()
    {
        foreach (var statement in _all)
            statement.Dispose();
        _connection.Dispose();
    }

    internal static bool IsUnfinished(OrchestrationStatus status) => status is OrchestrationStatus.Running or OrchestrationStatus.Pending or OrchestrationStatus.Suspended;

    private static OrchestrationState State(SqliteDataReader row, bool withValues)
    {
        var status = (OrchestrationStatus)row.GetInt32(4);
        var failure = Statement.Text(row, 7);
        return new OrchestrationState
        {
            OrchestrationInstance = new OrchestrationInstance { InstanceId = row.GetString(0), ExecutionId = row.GetString(1) },
            Name = row.GetString(2),
            Version = Statement.Text(row, 3),
            OrchestrationStatus = status,
            Input = withValues ? Statement.Text(row, 5) : null,
            Output = withValues ? Statement.Text(row, 6) : null,
            FailureDetails = Statement.Text(row, 16) is { } refused ? new FailureDetails(typeof(OrchestrationRefusedException).FullName!, refused, null, null, false)
                : failure is null ? null
                : EventJson.Read<FailureDetails>(failure),
            Status = Statement.Text(row, 8),
            Tags = Statement.Text(row, 9) is { } tags ? EventJson.Read<Dictionary<string, string>>(tags) : null,
            ParentInstance = Statement.Text(row, 10) is { } parent ? EventJson.Read<ParentInstance>(parent) : null,
            Generation = row.IsDBNull(11) ? null : row.GetInt32(11),
            CreatedTime = Time(row.GetInt64(12)),
            LastUpdatedTime = Time(row.GetInt64(13)),
            CompletedTime = row.IsDBNull(14) ? DateTime.MaxValue : Time(row.GetInt64(14)),
            ScheduledStartTime = row.IsDBNull(15) ? null : Time(row.GetInt64(15)),
        };
    }

    private static string? Json(IDictionary<string, string>? tags) => tags is { Count: > 0 } ? EventJson.Write(tags) : null;

    private static long? Of(DateTime? time) => time is { } given && given > DateTime.MinValue ? Time(given) : null;

    private static string In(IEnumerable<OrchestrationStatus>? statuses) =>
        statuses?.ToList() is { Count: > 0 } asked ? $"status IN ({string.Join(',', asked.Select(status => (int)status))})" : "true";

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private List<HistoryEvent> History(long key) => [.. _history.Rows(row => EventJson.Read<List<HistoryEvent>>(row.GetString(0)), key).SelectMany(turn => turn)];

    private void DropWork(long key)
    {
        _dropMessages.Run(key);
        _dropActivities.Run(key);
    }

    private void Delete(long key)
    {
        DropWork(key);
        _dropHistory.Run(key);
        _drop.Run(key);
    }

    private Statement Prepare(string sql, int parameters)
    {
        var statement = new Statement(_connection, sql, parameters);
        _all.Add(statement);
        return statement;
    }
}
