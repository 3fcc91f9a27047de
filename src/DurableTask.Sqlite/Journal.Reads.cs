using System.Globalization;
using System.Text.Json;
using DurableTask.Core;
using DurableTask.Core.History;
using DurableTask.Core.Query;
using Microsoft.Data.Sqlite;

namespace DurableTask.Sqlite;

// What is read.
internal sealed partial class Journal
{
    private readonly Reads _reads;

    public OrchestrationState? Find(string id) => _reads.Find.Rows(row => State(row, true), id).FirstOrDefault();

    public Recorded? Load(string id) =>
        _reads.Find.Rows(row => (Key: row.GetInt64(17), Status: (OrchestrationStatus)row.GetInt32(4), Custom: Statement.Text(row, 8)), id) is [var found]
            ? new Recorded(found.Key, found.Status, found.Custom, History(found.Key))
            : null;

    /// <summary>The events of the present execution.</summary>
    public List<HistoryEvent> History(string id) => _reads.Key.Number(id) is { } key ? History(key) : [];

    /// <summary>An instance and everything below it, the instance first.</summary>
    public List<string> FamilyOf(string id) => _reads.Family.Rows(row => row.GetString(1), id);

    /// <summary>What is unfinished below an instance and was not told yet that it ends.</summary>
    public List<string> UntoldBelow(string id) => _reads.Untold.Rows(row => row.GetString(0), id);

    /// <summary>True when the present execution goes on after a failure, or is to.</summary>
    public bool IsRewound(string id) => _reads.Rewound.Number(id) == 1;

    /// <summary>Ids of finished instances that nothing stands above, the oldest first.</summary>
    public List<string> Finished(DateTime? createdFrom, DateTime? createdTo, DateTime? updatedBefore, IEnumerable<OrchestrationStatus>? statuses)
    {
        // The finished statuses by name and not as the others: so the index of statuses and times is used.
        using var select = new Statement(
            _connection,
            $"""
            SELECT id FROM instances AS i WHERE status IN (1, 2, 3, 4, 5) AND ($1 IS NULL OR created>=$1) AND ($2 IS NULL OR created<=$2) {(updatedBefore is null ? "" : "AND updated<$3")}
              AND {In(statuses)} AND (parent_id IS NULL OR NOT EXISTS (SELECT 1 FROM instances WHERE id=i.parent_id)) ORDER BY key
            """,
            3);
        return select.Rows(row => row.GetString(0), Of(createdFrom), Of(createdTo), Of(updatedBefore));
    }

    /// <summary>A page of instances, the newest first. The token is the key of the last one of the page before.</summary>
    public OrchestrationQueryResult Query(OrchestrationQuery query, bool topOnly = false)
    {
        var prefix = string.IsNullOrEmpty(query.InstanceIdPrefix) ? null : query.InstanceIdPrefix;
        var group = prefix?[..(prefix.IndexOf('-', StringComparison.Ordinal) + 1)];
        List<string> conditions = [In(query.RuntimeStatus)];
        if (query.ContinuationToken is { Length: > 0 })
            conditions.Add("key<$1");
        if (Of(query.CreatedTimeFrom) is not null)
            conditions.Add("created>=$2");
        if (Of(query.CreatedTimeTo) is not null)
            conditions.Add("created<=$3");
        if (topOnly)
            conditions.Add("parent_id IS NULL");
        // An index that has the rows in their order, so that a page costs what it shows: of the group, or of the unfinished ones.
        if (query.RuntimeStatus is { Count: > 0 } asked && asked.All(IsUnfinished))
            conditions.Add(group is { Length: > 0 } ? Unfinished : $"key IN (SELECT key FROM instances WHERE {Unfinished})");
        if (group is { Length: > 0 })
            conditions.Add($"{Group}=$5");
        // A longer prefix has few; all that begin so are found by their ids.
        if (prefix is not null && prefix.Length > group!.Length)
            conditions.Add("key IN (SELECT key FROM instances WHERE id>=$4 AND id<$4 || CAST(x'ff' AS TEXT))");
        using var select = new Statement(_connection, $"SELECT {Columns} FROM instances WHERE {string.Join(" AND ", conditions)} ORDER BY key DESC LIMIT $6", 6);
        var page = Math.Max(1, query.PageSize);
        var rows = select.Rows(
            row => (State: State(row, query.FetchInputsAndOutputs), Key: row.GetInt64(17)),
            Key(query.ContinuationToken), Of(query.CreatedTimeFrom), Of(query.CreatedTimeTo), prefix, group, page + 1L);
        var next = rows.Count > page ? rows[page - 1].Key.ToString(CultureInfo.InvariantCulture) : null;
        return new OrchestrationQueryResult([.. rows.Take(page).Select(row => row.State)], next);
    }

    /// <summary>Everything that waits, in the order in which it was written.</summary>
    public (List<Pending> Messages, List<PendingActivity> Activities) Waiting()
    {
        using var messages = new Statement(_connection, "SELECT id, due, recursive, message FROM messages ORDER BY id", 0);
        using var activities = new Statement(_connection, "SELECT id, message FROM activities ORDER BY id", 0);
        return (
            messages.Rows(row => new Pending(row.GetInt64(0), Message(row, 3))
            {
                Due = row.IsDBNull(1) ? null : Time(row.GetInt64(1)),
                IsRecursive = row.GetInt64(2) != 0,
            }),
            activities.Rows(row => new PendingActivity(row.GetInt64(0), Message(row, 1))));
    }

    private TaskMessage Message(SqliteDataReader row, int column)
    {
        try
        {
            return EventJson.Read<TaskMessage>(row.GetString(column));
        }
        catch (Exception error) when (error is JsonException or NotSupportedException or InvalidCastException)
        {
            throw new JournalDamagedException(_connection.DataSource, $"what waits under number {row.GetInt64(0)} is no message", error);
        }
    }

    private List<HistoryEvent> History(long key) => [.. _reads.History.Rows(row => EventJson.Read<List<HistoryEvent>>(row.GetString(0)), key).SelectMany(turn => turn)];

    private static OrchestrationState State(SqliteDataReader row, bool withValues)
    {
        var failure = Statement.Text(row, 7);
        return new OrchestrationState
        {
            OrchestrationInstance = new OrchestrationInstance { InstanceId = row.GetString(0), ExecutionId = row.GetString(1) },
            Name = row.GetString(2),
            Version = Statement.Text(row, 3),
            OrchestrationStatus = (OrchestrationStatus)row.GetInt32(4),
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

    private static long? Key(string? token) =>
        string.IsNullOrEmpty(token) ? null
        : long.TryParse(token, CultureInfo.InvariantCulture, out var key) ? key
        : throw new ArgumentException($"The continuation token '{token}' is not of this service; begin with none.");

    private static long? Of(DateTime? time) => time is { } given && given > DateTime.MinValue ? Time(given) : null;

    private static string In(IEnumerable<OrchestrationStatus>? statuses) =>
        statuses?.ToList() is { Count: > 0 } asked ? $"status IN ({string.Join(',', asked.Select(status => (int)status))})" : "true";

    private sealed class Reads(Journal journal)
    {
        public Statement Find { get; } = journal.Prepare($"SELECT {Columns} FROM instances WHERE id=$1", 1);

        public Statement Key { get; } = journal.Prepare("SELECT key FROM instances WHERE id=$1", 1);

        public Statement Family { get; } = journal.Prepare($"{Journal.Family} SELECT key, id FROM family", 1);

        public Statement Untold { get; } = journal.Prepare(
            $"""
            {Journal.Family} SELECT id FROM instances WHERE {Unfinished} AND key IN (SELECT key FROM family)
              AND NOT EXISTS (SELECT 1 FROM messages WHERE instance=instances.key AND recursive)
            """,
            1);

        public Statement Rewound { get; } = journal.Prepare(
            $"""
            SELECT EXISTS (SELECT 1 FROM history h JOIN instances i ON h.instance=i.key WHERE i.id=$1 AND i.{Unfinished}
              AND (i.status=6 OR instr(h.events, '"$type":"ExecutionRewoundEvent"')>0))
            """,
            1);

        public Statement History { get; } = journal.Prepare("SELECT events FROM history WHERE instance=$1 ORDER BY turn", 1);
    }
}
