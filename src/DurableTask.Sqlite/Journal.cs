using DurableTask.Core;
using Microsoft.Data.Sqlite;

namespace DurableTask.Sqlite;

/// <summary>The sentences that are written into the journal and read from it. Used by the writer thread alone, inside its transaction.</summary>
internal sealed partial class Journal : IDisposable
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
        CREATE TABLE messages(id INTEGER PRIMARY KEY, instance INTEGER NOT NULL, due INTEGER, recursive INTEGER NOT NULL, message TEXT NOT NULL);
        CREATE INDEX messages_by_instance ON messages(instance);
        CREATE TABLE activities(id INTEGER PRIMARY KEY, instance INTEGER NOT NULL, message TEXT NOT NULL);
        CREATE INDEX activities_by_instance ON activities(instance);
        """;

    // What came later, and what an earlier program does not mind; made in the journals that lack it. The group of an id is what stands before its first hyphen, with the hyphen.
    // The row of written counts the transactions and says when the last one was, by the wall clock.
    private const string Additions = $"""
        CREATE INDEX IF NOT EXISTS instances_by_group ON instances({Group});
        CREATE INDEX IF NOT EXISTS instances_unfinished ON instances({Group}) WHERE {Unfinished};
        CREATE TABLE IF NOT EXISTS written(row INTEGER PRIMARY KEY CHECK(row=1), journal TEXT NOT NULL, transactions INTEGER NOT NULL, time INTEGER NOT NULL);
        """;

    private const string Group = "substr(id, 1, instr(id, '-'))";

    private const string Columns =
        "id, execution, name, version, status, input, output, failure, custom_status, tags, parent, generation, created, updated, completed, scheduled, refused, key";

    private readonly SqliteConnection _connection;
    private readonly List<Statement> _all = [];
    private long _lastId;

    private Journal(SqliteConnection connection)
    {
        _connection = connection;
        _reads = new Reads(this);
        _writes = new Writes(this);
        using var last = connection.CreateCommand();
        last.CommandText = "SELECT max(coalesce((SELECT max(id) FROM messages), 0), coalesce((SELECT max(id) FROM activities), 0))";
        _lastId = (long)last.ExecuteScalar()!;
    }

    /// <summary>Which journal this is, and how far it is written.</summary>
    public JournalMark Mark { get; private set; } = new("", 0, default);

    public SqliteConnection Connection => _connection;

    /// <summary>Opens the file, and makes its tables where they are missing.</summary>
    /// <param name="path">The file.</param>
    /// <param name="write">Whether it is opened for writing, and made when it is missing.</param>
    /// <param name="survivePowerLoss">Whether each commit is flushed to the disk.</param>
    /// <param name="check">Looks for damage before anything is written.</param>
    /// <exception cref="JournalDamagedException">The file is damaged.</exception>
    /// <exception cref="JournalException">The file is no journal, cannot be opened, or belongs to another version of this library.</exception>
    public static Journal Open(string path, bool write, bool survivePowerLoss, bool check = false)
    {
        if (check && File.Exists(path) && JournalFile.QuickCheck(path) is { } damage)
            throw new JournalDamagedException(path, damage);
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
            Prepare(connection, path, write);
            var journal = new Journal(connection);
            if (write)
                journal.Mark = journal.ReadMark();
            return journal;
        }
        catch (SqliteException error)
        {
            connection.Dispose();
            throw JournalFault.WhenOpened(path, error);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>A key for a message or an activity that is to be written. Any thread.</summary>
    public long NextId() => Interlocked.Increment(ref _lastId);

    public void DeleteAll() => Execute(_connection, "DELETE FROM instances; DELETE FROM history; DELETE FROM messages; DELETE FROM activities;");

    public void Dispose()
    {
        foreach (var statement in _all)
            statement.Dispose();
        _connection.Dispose();
    }

    internal static bool IsUnfinished(OrchestrationStatus status) => status is OrchestrationStatus.Running or OrchestrationStatus.Pending or OrchestrationStatus.Suspended;

    private static void Prepare(SqliteConnection connection, string path, bool write)
    {
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
        if (!write)
            return;
        if (version == 0)
            Execute(connection, $"BEGIN; {Tables} PRAGMA user_version={Version}; COMMIT;");
        Execute(connection, $"BEGIN; {Additions} COMMIT;");
        using var first = new Statement(connection, "INSERT INTO written VALUES(1, $1, 0, $2) ON CONFLICT DO NOTHING", 2);
        // Into the file itself: were it in the -wal alone, a file without its -wal would look like a new one.
        if (first.Run(Guid.NewGuid().ToString("N"), 0) > 0)
            Execute(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
    }

    private JournalMark ReadMark()
    {
        using var read = new Statement(_connection, "SELECT journal, transactions, time FROM written", 0);
        return read.Rows(row => new JournalMark(row.GetString(0), row.GetInt64(1), row.GetInt64(2) is var time and > 0 ? Time(time) : null))[0];
    }

    private static long Time(DateTime time) => (time.Kind == DateTimeKind.Local ? time.ToUniversalTime() : time).Ticks;

    private static DateTime Time(long ticks) => new(ticks, DateTimeKind.Utc);

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
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

/// <summary>How far a journal is written.</summary>
/// <param name="Journal">An id that no other journal has; a backup and a rescued journal have their own.</param>
/// <param name="Transactions">How many were written.</param>
/// <param name="Time">When the last one was, UTC, by the wall clock of then; null when there was none.</param>
internal sealed record JournalMark(string Journal, long Transactions, DateTime? Time);
