using DurableTask.Sqlite;
using Microsoft.Data.Sqlite;
using Sana.Jobs.Queue;

namespace Sana.Local.Queue;

/// <summary>
/// Jobs in a SQLite file, for any number of processes of one machine. Each call is one transaction that is on disk when it returns. A message is invisible until a point in time:
/// that is its delay, its hold and, when a holder dies, its return.
/// </summary>
public sealed class SqliteJobQueue : IJobQueue, IDisposable
{
    // Times are Unix milliseconds. A receipt is null while nobody holds the message.
    private const string Tables = """
        CREATE TABLE IF NOT EXISTS jobs(
            key INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL UNIQUE, body TEXT NOT NULL, priority INTEGER NOT NULL,
            due INTEGER NOT NULL, receipt TEXT, deliveries INTEGER NOT NULL DEFAULT 0, sent INTEGER NOT NULL);
        CREATE INDEX IF NOT EXISTS jobs_in_order ON jobs(priority DESC, key);
        CREATE TABLE IF NOT EXISTS dead(
            key INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, body TEXT NOT NULL, priority INTEGER NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL, buried INTEGER NOT NULL);
        """;

    /// <summary>In the place of a path: a queue that ends with the process.</summary>
    public const string InMemory = ":memory:";

    private readonly object _gate = new();
    private readonly SqliteConnection _connection;
    private readonly TimeProvider _clock;
    private readonly List<Statement> _all = [];
    private readonly Statement _send;
    private readonly Statement _receive;
    private readonly Statement _renew;
    private readonly Statement _abandon;
    private readonly Statement _complete;
    private readonly Statement _bury;
    private readonly Statement _count;
    private readonly Statement _peek;
    private readonly Statement _dead;

    private SqliteJobQueue(SqliteConnection connection, TimeProvider clock)
    {
        (_connection, _clock) = (connection, clock);
        _send = Prepare("INSERT INTO jobs(job, body, priority, due, sent) VALUES($1, $2, $3, $4, $5) ON CONFLICT(job) DO NOTHING", 5);
        _receive = Prepare(
            """
            UPDATE jobs SET due=$1, receipt=$2, deliveries=deliveries+1
            WHERE key=(SELECT key FROM jobs WHERE due<=$3 ORDER BY priority DESC, key LIMIT 1) RETURNING key, receipt, body, deliveries, sent
            """,
            3);
        _renew = Prepare("UPDATE jobs SET due=$1 WHERE key=$2 AND receipt=$3", 3);
        _abandon = Prepare("UPDATE jobs SET due=$1, receipt=NULL WHERE key=$2 AND receipt=$3", 3);
        _complete = Prepare("DELETE FROM jobs WHERE key=$1 AND receipt=$2", 2);
        _bury = Prepare(
            "INSERT INTO dead(job, body, priority, reason, message, buried) SELECT job, body, priority, $3, $4, $5 FROM jobs WHERE key=$1 AND receipt=$2", 5);
        _count = Prepare("SELECT (SELECT count(*) FROM jobs WHERE receipt IS NULL OR due<=$1), (SELECT count(*) FROM jobs WHERE receipt IS NOT NULL AND due>$1), (SELECT count(*) FROM dead)", 1);
        _peek = Prepare("SELECT key, '', body, deliveries, sent FROM jobs WHERE receipt IS NULL OR due<=$1 ORDER BY priority DESC, key LIMIT $2", 2);
        _dead = Prepare("SELECT key, body, reason, message, buried, job, priority FROM dead WHERE $1 IS NULL OR key=$1 ORDER BY key LIMIT $2", 2);
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
            using (var schema = connection.CreateCommand())
            {
                schema.CommandText = $"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; BEGIN IMMEDIATE; {Tables} COMMIT;";
                schema.ExecuteNonQuery();
            }

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
        return Do(now => _send.Run(job.JobId, job.ToJson(), Math.Clamp(job.Priority, 0, 9), now + Milliseconds(delay), now) > 0, cancellationToken);
    }

    /// <inheritdoc/>
    public Task<QueuedJob?> Receive(TimeSpan visibility, CancellationToken cancellationToken = default) =>
        Do(now => _receive.Rows(Read, now + Milliseconds(visibility), Guid.NewGuid().ToString("N"), now).FirstOrDefault(), cancellationToken);

    /// <inheritdoc/>
    public Task<bool> Renew(QueuedJob job, TimeSpan visibility, CancellationToken cancellationToken = default) =>
        Do(now => _renew.Run(now + Milliseconds(visibility), job.Id, job.Receipt) > 0, cancellationToken);

    /// <inheritdoc/>
    public Task<bool> Complete(QueuedJob job, CancellationToken cancellationToken = default) =>
        Do(_ => _complete.Run(job.Id, job.Receipt) > 0, cancellationToken);

    /// <inheritdoc/>
    public Task<bool> Abandon(QueuedJob job, TimeSpan delay, CancellationToken cancellationToken = default) =>
        Do(now => _abandon.Run(now + Milliseconds(delay), job.Id, job.Receipt) > 0, cancellationToken);

    /// <inheritdoc/>
    public Task<bool> DeadLetter(QueuedJob job, string reason, string message, CancellationToken cancellationToken = default) =>
        Do(now => _bury.Run(job.Id, job.Receipt, reason, message, now) > 0 && _complete.Run(job.Id, job.Receipt) > 0, cancellationToken);

    /// <inheritdoc/>
    public Task<QueueCounts> Count(CancellationToken cancellationToken = default) =>
        Do(now => _count.Rows(row => new QueueCounts(row.GetInt64(0), row.GetInt64(1), row.GetInt64(2)), now)[0], cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<QueuedJob>> Peek(int most, CancellationToken cancellationToken = default) =>
        Do<IReadOnlyList<QueuedJob>>(now => _peek.Rows(Read, now, most), cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<DeadJob>> Dead(int most, CancellationToken cancellationToken = default) => Do<IReadOnlyList<DeadJob>>(
        _ => _dead.Rows(row => new DeadJob(row.GetString(0), row.GetString(1), row.GetString(2), row.GetString(3), Time(row.GetInt64(4))), null, most),
        cancellationToken);

    /// <inheritdoc/>
    public Task<int> Requeue(string? id, CancellationToken cancellationToken = default) => Do(
        now =>
        {
            var letters = _dead.Rows(row => (Key: row.GetInt64(0), Body: row.GetString(1), Job: row.GetString(5), Priority: row.GetInt64(6)), id, -1);
            using var remove = new Statement(_connection, "DELETE FROM dead WHERE key=$1", 1);
            foreach (var letter in letters)
            {
                _send.Run(letter.Job, DeadLetterNote.Requeued(letter.Body), letter.Priority, now, now);
                remove.Run(letter.Key);
            }

            return letters.Count;
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

    private static QueuedJob Read(SqliteDataReader row) => new()
    {
        Id = row.GetString(0),
        Receipt = row.GetString(1),
        Body = row.GetString(2),
        Deliveries = row.GetInt32(3),
        Sent = Time(row.GetInt64(4)),
    };

    private static DateTimeOffset Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);

    private static long Milliseconds(TimeSpan time) => (long)time.TotalMilliseconds;

    /// <summary>One transaction of some tenths of a millisecond: waiting for it costs less than handing it to another thread.</summary>
    private Task<T> Do<T>(Func<long, T> work, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            try
            {
                Execute("BEGIN IMMEDIATE");
                var value = work(_clock.GetUtcNow().ToUnixTimeMilliseconds());
                Execute("COMMIT");
                return Task.FromResult(value);
            }
            catch (SqliteException error)
            {
                // Nothing to roll back when the begin itself failed; a full disk has rolled back already.
                if (SQLitePCL.raw.sqlite3_get_autocommit(_connection.Handle) == 0)
                    Execute("ROLLBACK");
                return Task.FromException<T>(new SanaException($"The queue {_connection.DataSource} does not answer: {error.Message}", error));
            }
        }
    }

    private void Execute(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private Statement Prepare(string sql, int parameters)
    {
        var statement = new Statement(_connection, sql, parameters);
        _all.Add(statement);
        return statement;
    }
}
