using DurableTask.Sqlite;
using Microsoft.Data.Sqlite;
using Sana.Jobs.Queue;

namespace Sana.Local.Queue;

/// <summary>
/// Jobs in a SQLite file, for any number of processes of one machine. Each call is one transaction that is on disk when it returns. A message is invisible until a point in time:
/// that is its delay, its hold and, when a holder dies, its return. A clock that is set back prolongs that by no more than the delay or hold itself.
/// A row that is no message becomes a dead letter as soon as it is met.
/// </summary>
public sealed class SqliteJobQueue : IJobQueue, IDisposable
{
    /// <summary>In the place of a path: a queue that ends with the process.</summary>
    public const string InMemory = ":memory:";

    private readonly object _gate = new();
    private readonly SqliteConnection _connection;
    private readonly TimeProvider _clock;
    private readonly List<Statement> _all = [];
    private readonly Statement _send;
    private readonly Statement _settle;
    private readonly Statement _astray;
    private readonly Statement _next;
    private readonly Statement _take;
    private readonly Statement _renew;
    private readonly Statement _abandon;
    private readonly Statement _complete;
    private readonly Statement _bury;
    private readonly Statement _remove;
    private readonly Statement _count;
    private readonly Statement _peek;
    private readonly Statement _dead;

    private SqliteJobQueue(SqliteConnection connection, TimeProvider clock)
    {
        (_connection, _clock) = (connection, clock);
        _send = Prepare("INSERT INTO jobs(job, body, priority, due, sent, since) VALUES($1, $2, $3, $4, $5, $5) ON CONFLICT(job) DO NOTHING", 5);
        // Set by a clock that was ahead of this one: the delay begins anew.
        _settle = Prepare("UPDATE jobs SET due=$1+min(max(due-coalesce(since, sent), 0), $2), since=$1 WHERE due>$1 AND coalesce(since, sent)>$1", 2);
        // Text and bytes are larger than any number.
        _astray = Prepare(
            """
            SELECT key, CAST(due AS TEXT) FROM jobs WHERE due>$1 AND
                (typeof(due)<>'integer' OR typeof(coalesce(since, sent))<>'integer' OR CAST(due AS REAL)-coalesce(since, sent)>$2)
            """,
            2);
        // The plus keeps the order's index: the other one would sort all that wait.
        _next = Prepare("SELECT key, CAST(body AS BLOB), deliveries, sent FROM jobs WHERE +due<=$1 ORDER BY priority DESC, key LIMIT 1", 1);
        _take = Prepare("UPDATE jobs SET due=$1, since=$2, receipt=$3, deliveries=deliveries+1 WHERE key=$4", 4);
        _renew = Prepare("UPDATE jobs SET due=$1, since=$2 WHERE key=$3 AND receipt=$4", 4);
        _abandon = Prepare(
            """
            UPDATE jobs SET due=$1, since=$2, receipt=NULL, reason=$5, message=$6, priority=CASE WHEN $7 THEN -1 ELSE priority END
            WHERE key=$3 AND receipt=$4
            """,
            7);
        _complete = Prepare("DELETE FROM jobs WHERE key=$1 AND receipt=$2", 2);
        _bury = Prepare(
            """
            INSERT INTO dead(job, body, priority, reason, message, buried)
            SELECT job, body, priority, $2, $3, $4 FROM jobs WHERE key=$1 AND ($5 IS NULL OR receipt=$5)
            """,
            5);
        _remove = Prepare("DELETE FROM jobs WHERE key=$1", 1);
        _count = Prepare("SELECT (SELECT count(*) FROM jobs WHERE receipt IS NULL OR due<=$1), (SELECT count(*) FROM jobs WHERE receipt IS NOT NULL AND due>$1), (SELECT count(*) FROM dead)", 1);
        _peek = Prepare(
            """
            SELECT key, CAST(body AS BLOB), deliveries, sent, reason, message FROM jobs
            WHERE receipt IS NULL OR due<=$1 ORDER BY priority DESC, key LIMIT $2
            """,
            2);
        _dead = Prepare("SELECT key, CAST(body AS BLOB), reason, message, buried, job FROM dead WHERE $1 IS NULL OR key=$1 ORDER BY key LIMIT $2", 2);
    }

    /// <inheritdoc/>
    public string Name => "jobs";

    /// <summary>Opens the file, and makes it if needed.</summary>
    /// <exception cref="SanaException">It cannot be opened or is no database.</exception>
    public static SqliteJobQueue Open(string path, TimeProvider clock)
    {
        if (path != InMemory)
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ConnectionString);
        try
        {
            connection.Open();
            QueueRows.Create(connection);
            return new SqliteJobQueue(connection, clock);
        }
        catch (SqliteException error)
        {
            connection.Dispose();
            throw new SanaException($"The queue {path} cannot be opened: {error.Message} Move it away to start with an empty one.", error);
        }
    }

    /// <summary>Makes every held message visible at once: for the owner of the data folder, who knows that no holder is alive.</summary>
    public int ReleaseAll()
    {
        lock (_gate)
        {
            using var release = _connection.CreateCommand();
            release.CommandText = "UPDATE jobs SET due=0, receipt=NULL WHERE receipt IS NOT NULL";
            return release.ExecuteNonQuery();
        }
    }

    /// <inheritdoc/>
    public Task<bool> Send(JobMessage job, TimeSpan delay = default, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(job);
        return Do(now => _send.Run(job.JobId, job.ToJson(), Math.Clamp(job.Priority, 0, 9), Due(now, delay), now) > 0, cancellationToken);
    }

    /// <inheritdoc/>
    public Task<QueuedJob?> Receive(TimeSpan visibility, CancellationToken cancellationToken = default) => Do(
        now =>
        {
            foreach (var (key, due) in _astray.Rows(row => (row.GetInt64(0), QueueRows.Text(row.GetValue(1))), now, QueueRows.LongestDelay))
                Bury(key, $"The row's due is {QueueRows.Short(due)}; it is a time in Unix milliseconds, at most a year after since or sent.", now);
            _settle.Run(now, QueueRows.LongestDelay);
            while (_next.Rows(QueueRows.Message, now) is [var (key, job, fault)])
            {
                if (job is null)
                {
                    Bury(key, fault!, now);
                    continue;
                }

                job.Receipt = Guid.NewGuid().ToString("N");
                _take.Run(now + Milliseconds(visibility), now, job.Receipt, key);
                return job;
            }

            return null;
        },
        cancellationToken);

    /// <inheritdoc/>
    public Task<bool> Renew(QueuedJob job, TimeSpan visibility, CancellationToken cancellationToken = default) =>
        Do(now => _renew.Run(now + Milliseconds(visibility), now, job.Id, job.Receipt) > 0, cancellationToken);

    /// <inheritdoc/>
    public Task<bool> Complete(QueuedJob job, CancellationToken cancellationToken = default) =>
        Do(_ => _complete.Run(job.Id, job.Receipt) > 0, cancellationToken);

    /// <inheritdoc/>
    public Task<bool> Abandon(QueuedJob job, TimeSpan delay, ReturnNote? note = null, CancellationToken cancellationToken = default) =>
        Do(now => _abandon.Run(Due(now, delay), now, job.Id, job.Receipt, note?.Reason, note?.Message, note?.GoesLast == true ? 1 : 0) > 0, cancellationToken);

    /// <inheritdoc/>
    public Task<bool> DeadLetter(QueuedJob job, string reason, string message, CancellationToken cancellationToken = default) =>
        Do(now => _bury.Run(job.Id, reason, message, now, job.Receipt) > 0 && _remove.Run(job.Id) > 0, cancellationToken);

    /// <inheritdoc/>
    public Task<QueueCounts> Count(CancellationToken cancellationToken = default) =>
        Do(now => _count.Rows(row => new QueueCounts(row.GetInt64(0), row.GetInt64(1), row.GetInt64(2)), now)[0], cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<QueuedJob>> Peek(int most, CancellationToken cancellationToken = default) =>
        Do<IReadOnlyList<QueuedJob>>(now => _peek.Rows(QueueRows.Peeked, now, most), cancellationToken);

    /// <summary>Whom messages wait for that were left for a worker with another checkpoint, each sentence once, with their number.</summary>
    public Task<IReadOnlyList<(string Sentence, long Count)>> LeftForOthers(CancellationToken cancellationToken = default) => Do<IReadOnlyList<(string, long)>>(
        _ =>
        {
            const string sql = "SELECT message, count(*) FROM jobs WHERE reason=$1 AND receipt IS NULL GROUP BY message ORDER BY 2 DESC LIMIT 10";
            using var left = new Statement(_connection, sql, 1);
            return left.Rows(row => (QueueRows.Text(row.GetValue(0)), row.GetInt64(1)), FaultReason.ModelMismatch);
        },
        cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<DeadJob>> Dead(int most, CancellationToken cancellationToken = default) =>
        Do<IReadOnlyList<DeadJob>>(_ => _dead.Rows(QueueRows.Dead, null, most), cancellationToken);

    /// <inheritdoc/>
    public Task<int> Requeue(string? id, CancellationToken cancellationToken = default) => Do(
        now =>
        {
            var count = 0;
            using var remove = new Statement(_connection, "DELETE FROM dead WHERE key=$1", 1);
            foreach (var (letter, job) in _dead.Rows(row => (QueueRows.Dead(row), QueueRows.Text(row.GetValue(5))), id, -1))
            {
                // While the same job waits, its letter stays a letter.
                if (_send.Run(job, DeadLetterNote.Requeued(letter.Body), Priority(letter.Body), 0, now) == 0)
                    continue;
                count += remove.Run(letter.Id);
            }

            return count;
        },
        cancellationToken);

    /// <inheritdoc/>
    public Task<int> PurgeDead(DateTimeOffset before, CancellationToken cancellationToken = default) => Do(
        _ =>
        {
            using var remove = new Statement(_connection, "DELETE FROM dead WHERE buried<$1", 1);
            return (int)remove.Run(before.ToUnixTimeMilliseconds());
        },
        cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            foreach (var statement in _all)
                statement.Dispose();
            _connection.Dispose();
        }
    }

    // What is to be seen at once is not compared with any clock.
    private static long Due(long now, TimeSpan delay) => delay > TimeSpan.Zero ? now + Milliseconds(delay) : 0;

    private static int Priority(string body)
    {
        try
        {
            return Math.Clamp(JobMessage.Parse(body).Priority, 0, 9);
        }
        catch (JobFaultException)
        {
            return new JobMessage { JobId = "" }.Priority;
        }
    }

    private void Bury(long key, string why, long now)
    {
        _bury.Run(key, FaultReason.BadInput, why, now, null);
        _remove.Run(key);
    }

    private static long Milliseconds(TimeSpan time) => (long)time.TotalMilliseconds;

    /// <summary>One transaction of some tenths of a millisecond: waiting for it costs less than handing it to another thread.</summary>
    private Task<T> Do<T>(Func<long, T> work, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            try
            {
                QueueRows.Execute(_connection, "BEGIN IMMEDIATE");
                var value = work(_clock.GetUtcNow().ToUnixTimeMilliseconds());
                QueueRows.Execute(_connection, "COMMIT");
                return Task.FromResult(value);
            }
            catch (Exception error)
            {
                // Nothing to roll back when the begin itself failed; a full disk has rolled back already.
                if (SQLitePCL.raw.sqlite3_get_autocommit(_connection.Handle) == 0)
                    QueueRows.Execute(_connection, "ROLLBACK");
                return Task.FromException<T>(
                    error is SqliteException ? new SanaException($"The queue {_connection.DataSource} does not answer: {error.Message}", error) : error);
            }
        }
    }

    private Statement Prepare(string sql, int parameters)
    {
        var statement = new Statement(_connection, sql, parameters);
        _all.Add(statement);
        return statement;
    }
}
