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
            Prepare(connection, path, write);
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
        if (version == 0)
            Execute(connection, $"BEGIN; {Tables} PRAGMA user_version={Version}; COMMIT;");
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
