using Microsoft.Data.Sqlite;

namespace Sana.Local.Engine;

/// <summary>The tables of a journal, and how its file is opened.</summary>
internal static class JournalSchema
{
    private const long Version = 1;

    // Times are Unix milliseconds. AUTOINCREMENT: a key is never given twice, so a late row cannot reach another instance.
    // A history is clustered by instance; its rows are written when a call ends, never changed, and deleted by continue-as-new and purge only.
    private const string Tables = """
        CREATE TABLE instances(
            key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, workflow TEXT NOT NULL, status TEXT NOT NULL,
            run INTEGER NOT NULL, run_at INTEGER NOT NULL, input TEXT NOT NULL,
            output TEXT, error_type TEXT, error TEXT, custom_status TEXT,
            parent INTEGER, parent_run INTEGER, parent_call INTEGER, parent_hash INTEGER,
            created INTEGER NOT NULL, updated INTEGER NOT NULL, steps_done INTEGER NOT NULL DEFAULT 0, steps_failed INTEGER NOT NULL DEFAULT 0);
        CREATE INDEX instances_by_status ON instances(status, updated);
        CREATE INDEX instances_by_parent ON instances(parent) WHERE parent IS NOT NULL;
        CREATE TABLE history(
            instance INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, kind INTEGER NOT NULL, call INTEGER NOT NULL, name TEXT NOT NULL,
            hash INTEGER NOT NULL, attempts INTEGER NOT NULL, value TEXT, error_type TEXT, PRIMARY KEY(instance, seq)) WITHOUT ROWID;
        CREATE TABLE retries(
            instance INTEGER NOT NULL, call INTEGER NOT NULL, attempts INTEGER NOT NULL, due INTEGER NOT NULL, PRIMARY KEY(instance, call)) WITHOUT ROWID;
        """;

    /// <exception cref="EngineException">The file is no journal, is damaged, or was written by a newer program.</exception>
    public static SqliteConnection Open(string path, bool write, bool survivePowerLoss)
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
            // FULL flushes the log at each commit. Group commit shares that cost among all completions that waited for it.
            if (write)
                Execute(connection, $"PRAGMA journal_mode=WAL; PRAGMA synchronous={(survivePowerLoss ? "FULL" : "NORMAL")}; PRAGMA journal_size_limit=67108864;");
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version";
            var version = (long)command.ExecuteScalar()!;
            if (version > Version)
                throw new EngineException($"The journal {path} has version {version} and this program reads up to {Version}; use the newer program.");
            if (version == 0 && !write)
                throw new EngineException($"The file {path} holds no journal yet.");
            if (version == 0)
                Execute(connection, $"BEGIN; {Tables} PRAGMA user_version={Version}; COMMIT;");
            return connection;
        }
        catch (SqliteException error)
        {
            connection.Dispose();
            throw new EngineException($"The journal {path} cannot be opened: {error.Message} Move it away to start with an empty one.", error);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
