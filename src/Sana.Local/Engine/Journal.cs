using System.Text.Json;
using Microsoft.Data.Sqlite;
using Sana.Workflows.Contract;

namespace Sana.Local.Engine;

/// <summary>What is needed to run an instance: where it stands, and what it has seen.</summary>
internal sealed record Recorded(
    long Key, string Id, string Workflow, WorkflowStatus Status, int Run, DateTime RunAt, string Input, List<HistoryRow> History,
    Dictionary<int, (int Attempts, DateTime Due)> Retries);

/// <summary>An instance that ended, and what its parent was told.</summary>
internal sealed record Ended(long Key, string Id, long? Parent, HistoryRow? ParentRow);

/// <summary>Who called a sub-workflow.</summary>
internal sealed record Caller(long Parent, int Run, int Call, long Hash);

/// <summary>The sentences that are written into the journal. Used by the writer thread alone, inside a transaction.</summary>
/// <remarks>
/// Each names the state it expects in its WHERE, so that a late one (a step of an earlier run, an event for a finished instance) changes nothing.
/// </remarks>
internal sealed class Journal : IDisposable
{
    private const string IsUnfinished = "status IN ('Running','Suspended','Refused')";

    // An instance and everything below it.
    private const string Family =
        "WITH RECURSIVE family(key) AS (SELECT key FROM instances WHERE id=$1 UNION ALL SELECT i.key FROM instances i JOIN family f ON i.parent=f.key)";

    private readonly List<Statement> _all = [];
    private readonly SqliteConnection _connection;
    private readonly Statement _start, _append, _count, _clearRetry, _retry, _end, _refuse, _custom, _suspend, _resume, _next, _trim, _forgetRetries;
    private readonly Statement _find, _history, _retries, _status, _unfinished, _family, _canceled, _child, _finished, _purgeHistory, _purgeRetries, _purge;

    public Journal(SqliteConnection connection)
    {
        _connection = connection;
        _start = Prepare(
            $"""
            INSERT INTO instances(id, workflow, status, run, run_at, input, created, updated, parent, parent_run, parent_call, parent_hash)
            SELECT $1, $2, coalesce((SELECT status FROM instances WHERE key=$5 AND status='Suspended'), 'Running'), 1, $3, $4, $3, $3, $5, $6, $7, $8
            WHERE $5 IS NULL OR EXISTS (SELECT 1 FROM instances WHERE key=$5 AND run=$6 AND {IsUnfinished})
            ON CONFLICT(id) DO NOTHING RETURNING key
            """,
            8);
        _append = Prepare(
            $"""
            INSERT INTO history(instance, seq, at, kind, call, name, hash, attempts, value, error_type)
            SELECT key, 1 + coalesce((SELECT max(seq) FROM history WHERE instance=$1), 0), $3, $4, $5, $6, $7, $8, $9, $10
            FROM instances WHERE key=$1 AND ($2 IS NULL OR run=$2) AND {IsUnfinished} RETURNING seq
            """,
            10);
        _count = Prepare("UPDATE instances SET updated=$2, steps_done=steps_done+$3, steps_failed=steps_failed+$4 WHERE key=$1", 4);
        _clearRetry = Prepare("DELETE FROM retries WHERE instance=$1 AND call=$2", 2);
        _retry = Prepare(
            $"INSERT OR REPLACE INTO retries SELECT key, $3, $4, $5 FROM instances WHERE key=$1 AND run=$2 AND {IsUnfinished}", 5);
        _end = Prepare(
            $"""
            UPDATE instances SET status=$3, output=$4, error_type=$5, error=$6, updated=$7 WHERE key=$1 AND ($2 IS NULL OR run=$2) AND {IsUnfinished}
            RETURNING key, id, workflow, parent, parent_run, parent_call, parent_hash
            """,
            7);
        _refuse = Prepare("UPDATE instances SET status='Refused', error_type=$3, error=$4 WHERE key=$1 AND run=$2 AND status='Running'", 4);
        _custom = Prepare("UPDATE instances SET custom_status=$3 WHERE key=$1 AND run=$2", 3);
        _suspend = Prepare("UPDATE instances SET status='Suspended', updated=$2 WHERE key=$1 AND status='Running'", 2);
        _resume = Prepare(
            "UPDATE instances SET status='Running', error_type=NULL, error=NULL, updated=$2 WHERE key=$1 AND status IN ('Suspended','Refused')", 2);
        _next = Prepare($"UPDATE instances SET run=run+1, run_at=$3, updated=$3, input=$4 WHERE key=$1 AND run=$2 AND {IsUnfinished}", 4);
        _trim = Prepare(
            $"DELETE FROM history WHERE instance=$1 AND NOT (call={HistoryRow.Outside} AND (seq>$2 OR seq IN (SELECT value FROM json_each($3))))", 3);
        _forgetRetries = Prepare("DELETE FROM retries WHERE instance=$1", 1);
        _find = Prepare("SELECT key, id, workflow, status, run, run_at, input FROM instances WHERE key=$1", 1);
        _history = Prepare("SELECT seq, at, kind, call, name, hash, attempts, value, error_type FROM history WHERE instance=$1 ORDER BY seq", 1);
        _retries = Prepare("SELECT call, attempts, due FROM retries WHERE instance=$1", 1);
        _status = Prepare("SELECT key FROM instances WHERE status=$1 ORDER BY key", 1);
        _unfinished = Prepare($"SELECT key FROM instances WHERE id=$1 AND {IsUnfinished}", 1);
        _canceled = Prepare($"SELECT 1 FROM history WHERE instance=$1 AND kind={(int)RowKind.Cancel} LIMIT 1", 1);
        _family = Prepare($"{Family} SELECT key FROM family JOIN instances USING(key) WHERE {IsUnfinished} ORDER BY key", 1);
        _child = Prepare("SELECT 1 FROM instances WHERE id=$1 AND parent=$2 AND parent_run=$3 AND parent_call=$4", 4);
        _finished = Prepare($"SELECT key FROM instances WHERE id=$1 AND NOT {IsUnfinished}", 1);
        _purgeHistory = Prepare($"{Family} DELETE FROM history WHERE instance IN family", 1);
        _purgeRetries = Prepare($"{Family} DELETE FROM retries WHERE instance IN family", 1);
        _purge = Prepare($"{Family} DELETE FROM instances WHERE key IN family", 1);
    }

    public static DateTime Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).UtcDateTime;

    public static long Time(DateTime time) => new DateTimeOffset(time, TimeSpan.Zero).ToUnixTimeMilliseconds();

    /// <summary>A new instance's key, or null when the id is taken or the caller's run is over. The child of a suspended one begins suspended.</summary>
    public long? Start(string id, string workflow, string input, DateTime now, Caller? caller) =>
        _start.Number(id, workflow, Time(now), input, caller?.Parent, caller?.Run, caller?.Call, caller?.Hash);

    /// <summary>Whether this very call made the child before, in a process that was killed afterwards.</summary>
    public bool IsChildOf(string id, Caller caller) => _child.Number(id, caller.Parent, caller.Run, caller.Call) is not null;

    /// <summary>The row with its place, or null when the run is over.</summary>
    /// <param name="instance">Key of the instance.</param>
    /// <param name="run">Null for what comes from outside.</param>
    /// <param name="row">What to record.</param>
    public HistoryRow? Append(long instance, int? run, HistoryRow row)
    {
        var seq = _append.Number(instance, run, Time(row.At), (int)row.Kind, row.Call, row.Name, row.Hash, row.Attempts, row.Value, row.ErrorType);
        if (seq is null)
            return null;
        if (row.Kind is RowKind.Step or RowKind.Workflow)
            _count.Run(instance, Time(row.At), row.ErrorType is null ? 1 : 0, row.ErrorType is null ? 0 : 1);
        if (row.Kind is RowKind.Step && row.Attempts > 1)
            _clearRetry.Run(instance, row.Call);
        return row with { Seq = seq.Value };
    }

    public void Retry(long instance, int run, int call, int attempts, DateTime due) => _retry.Run(instance, run, call, attempts, Time(due));

    /// <summary>Ends an instance and tells its parent, both or neither. Null when it had ended.</summary>
    public Ended? End(long instance, int? run, WorkflowStatus status, string? output, string? errorType, string? error, DateTime now)
    {
        var ended = _end.Rows(
            row => (
                Ended: new Ended(row.GetInt64(0), row.GetString(1), row.IsDBNull(3) ? null : row.GetInt64(3), null),
                Workflow: row.GetString(2),
                Caller: row.IsDBNull(3) ? null : new Caller(row.GetInt64(3), row.GetInt32(4), row.GetInt32(5), row.GetInt64(6))),
            instance, run, status.ToString(), output, errorType, error, Time(now)).FirstOrDefault();
        if (ended.Ended is null)
            return null;
        _forgetRetries.Run(instance);
        if (ended.Caller is not { } caller)
            return ended.Ended;
        var told = new HistoryRow(RowKind.Workflow, caller.Call, ended.Workflow, caller.Hash, now, 1, output ?? error, output is null ? errorType : null);
        return ended.Ended with { ParentRow = Append(caller.Parent, caller.Run, told) };
    }

    public bool Refuse(long instance, int run, string errorType, string error) => _refuse.Run(instance, run, errorType, error) > 0;

    public void SetStatus(long instance, int run, string status) => _custom.Run(instance, run, status);

    public bool Suspend(long instance, DateTime now) => _suspend.Run(instance, Time(now)) > 0;

    public bool Resume(long instance, DateTime now) => _resume.Run(instance, Time(now)) > 0;

    /// <summary>Begins the next run and forgets the last one's history, but for events and cancels that are still to be seen. False when it had ended.</summary>
    public bool ContinueAsNew(long instance, int run, string input, (long LastSeen, long[] Kept) unseen, DateTime now)
    {
        if (_next.Run(instance, run, Time(now), input) == 0)
            return false;
        _trim.Run(instance, unseen.LastSeen, JsonSerializer.Serialize(unseen.Kept));
        _forgetRetries.Run(instance);
        return true;
    }

    public Recorded? Load(long instance)
    {
        var history = _history.Rows(
            row => new HistoryRow(
                (RowKind)row.GetInt32(2), row.GetInt32(3), row.GetString(4), row.GetInt64(5), Time(row.GetInt64(1)), row.GetInt32(6),
                JournalReader.Text(row, 7), JournalReader.Text(row, 8))
            {
                Seq = row.GetInt64(0),
            },
            instance);
        var retries = _retries.Rows(row => (Call: row.GetInt32(0), Attempts: row.GetInt32(1), Due: Time(row.GetInt64(2))), instance)
            .ToDictionary(retry => retry.Call, retry => (retry.Attempts, retry.Due));
        return _find.Rows(
            row => new Recorded(
                row.GetInt64(0), row.GetString(1), row.GetString(2), Enum.Parse<WorkflowStatus>(row.GetString(3)), row.GetInt32(4), Time(row.GetInt64(5)),
                row.GetString(6), history, retries),
            instance).FirstOrDefault();
    }

    /// <summary>Keys of the instances in a status, oldest first.</summary>
    public List<long> InStatus(WorkflowStatus status) => _status.Rows(row => row.GetInt64(0), status.ToString());

    /// <summary>The key of an unfinished instance, or null.</summary>
    public long? Unfinished(string id) => _unfinished.Number(id);

    /// <summary>Whether this run has been asked to stop before.</summary>
    public bool IsCanceled(long instance) => _canceled.Number(instance) is not null;

    /// <summary>Keys of an unfinished instance and its unfinished descendants, the instance first.</summary>
    public List<long> UnfinishedFamily(string id) => _family.Rows(row => row.GetInt64(0), id);

    /// <summary>Forgets a finished instance with all below it. False when there is none.</summary>
    public bool Purge(string id)
    {
        if (_finished.Number(id) is null || UnfinishedFamily(id).Count > 0)
            return false;
        _purgeHistory.Run(id);
        _purgeRetries.Run(id);
        return _purge.Run(id) > 0;
    }

    /// <summary>Ids of top instances that finished before a time.</summary>
    public List<string> FinishedBefore(DateTime time)
    {
        using var statement = new Statement(
            _connection, $"SELECT id FROM instances WHERE NOT {IsUnfinished} AND updated<$1 AND parent IS NULL", 1);
        return statement.Rows(row => row.GetString(0), Time(time));
    }

    public void Dispose()
    {
        foreach (var statement in _all)
            statement.Dispose();
        _connection.Dispose();
    }

    private Statement Prepare(string sql, int parameters)
    {
        var statement = new Statement(_connection, sql, parameters);
        _all.Add(statement);
        return statement;
    }
}
