using Microsoft.Data.Sqlite;

namespace DurableTask.Sqlite;

/// <summary>Looks after the file of a journal: whether it is whole, a copy of it while it is in use, and what can be read of a damaged one.</summary>
public static class JournalFile
{
    // So much is listed of a damage; more tells nobody more.
    private const int Most = 20;

    /// <summary>Reads the whole journal and says what is wrong with it. Also while its owner writes.</summary>
    /// <param name="path">The journal.</param>
    /// <exception cref="JournalException">There is none, or it cannot be opened.</exception>
    public static JournalCheck Check(string path)
    {
        using var connection = Read(path);
        try
        {
            List<string> damages = [.. Lines(connection, $"PRAGMA integrity_check({Most})").Where(line => line != "ok")];
            if (damages.Count > 0)
                return new JournalCheck(damages, null, null);
            var instances = Count(connection, "SELECT count(*) FROM instances");
            var missing = Lines(connection, "SELECT name FROM sqlite_master WHERE name='written'").Count == 0 ? 0 : Missing(path, connection);
            return new JournalCheck(
                missing == 0 ? [] : [$"{missing} of the transactions, the last ones, are missing: {path}-wal is missing or damaged, or an older copy was put in its place"],
                instances,
                Count(connection, "SELECT count(*) FROM instances WHERE status IN (0, 6, 7)"));
        }
        catch (SqliteException error) when (JournalFault.IsDamage(error))
        {
            return new JournalCheck([error.Message], null, null);
        }
        catch (SqliteException error)
        {
            throw JournalFault.WhenRead(path, error);
        }
    }

    /// <summary>Writes a copy as it stands at one moment, also while its owner writes. The copy is a journal of its own: it can be put in the place of the first.</summary>
    /// <param name="path">The journal.</param>
    /// <param name="target">The copy's file, which must not exist; its folder must.</param>
    /// <exception cref="JournalException">The journal is damaged or cannot be read, or the copy cannot be written; then there is no copy.</exception>
    public static void Backup(string path, string target) => Make(target, temporary =>
    {
        using var source = Read(path);
        if (QuickCheck(path) is { } damage)
            throw new JournalDamagedException(path, damage);
        using var copy = Write(temporary);
        source.BackupDatabase(copy);
        // Alone in its file, and not mistaken for the first one with transactions missing.
        Execute(copy, "PRAGMA journal_mode=DELETE");
        if (Lines(copy, "SELECT name FROM sqlite_master WHERE name='written'").Count > 0)
            Execute(copy, "UPDATE written SET journal=lower(hex(randomblob(16)))");
    });

    /// <summary>
    /// Brings what can be read of a damaged journal into a new one; the old one is only read. An unfinished instance whose history or messages cannot be read whole cannot go on:
    /// it is failed, with a sentence, and so is one whose child is lost.
    /// </summary>
    /// <param name="path">The damaged journal. No process owns it.</param>
    /// <param name="target">The new journal's file, which must not exist; its folder must.</param>
    /// <exception cref="JournalException">A process owns the journal, not even the list of its tables can be read, or the new one cannot be written; then there is no new one.</exception>
    public static JournalRescue Rescue(string path, string target)
    {
        if (!File.Exists(path))
            throw new JournalException($"There is no journal {path}.");
        JournalRescue? rescued = null;
        using var lease = Lease.Take(path, DateTime.UtcNow);
        Make(target, temporary =>
        {
            using var source = Read(path);
            Look(path, source);
            using (var journal = Journal.Open(temporary, write: true, survivePowerLoss: false))
                rescued = new JournalSalvage(source, journal).Run();
            using var whole = Write(temporary);
            Execute(whole, "PRAGMA journal_mode=DELETE");
        });
        return rescued!;
    }

    /// <summary>What is wrong with a file, by a look that takes a second for some hundred megabytes; null when nothing is, or when that is for others to say.</summary>
    internal static string? QuickCheck(string path)
    {
        try
        {
            // A connection that cannot write: with a damaged file not even its -wal is to be put away.
            using var connection = Read(path);
            return Lines(connection, "PRAGMA quick_check(1)") is [var line, ..] && line != "ok" ? line : null;
        }
        catch (SqliteException error)
        {
            return JournalFault.IsDamage(error) && error.SqliteErrorCode != JournalFault.NotADatabase ? error.Message : null;
        }
    }

    /// <summary>Without the list of its tables nothing can be read.</summary>
    private static void Look(string path, SqliteConnection source)
    {
        try
        {
            if (!Lines(source, "SELECT name FROM sqlite_master").Contains("instances"))
                throw new JournalException($"The file {path} holds no journal.");
        }
        catch (SqliteException error)
        {
            throw new JournalDamagedException(path, error.Message, error);
        }
    }

    private static long Missing(string path, SqliteConnection connection)
    {
        using var read = new Statement(connection, "SELECT journal, transactions FROM written", 0);
        return read.Rows(row => WrittenMark.Missing(path, new JournalMark(row.GetString(0), row.GetInt64(1), null))).FirstOrDefault();
    }

    private static SqliteConnection Read(string path) => File.Exists(path) ? Open(path, SqliteOpenMode.ReadOnly) : throw new JournalException($"There is no journal {path}.");

    private static SqliteConnection Write(string path) => Open(path, SqliteOpenMode.ReadWriteCreate);

    private static SqliteConnection Open(string path, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false }.ConnectionString);
        try
        {
            connection.Open();
            return connection;
        }
        catch (SqliteException error)
        {
            connection.Dispose();
            throw JournalFault.WhenOpened(path, error);
        }
    }

    /// <summary>A file appears under its name when it is whole.</summary>
    private static void Make(string target, Action<string> make)
    {
        if (File.Exists(target))
            throw new JournalException($"{target} exists; name a file that does not.");
        var temporary = $"{target}.{Guid.NewGuid():N}.tmp";
        try
        {
            make(temporary);
            File.Move(temporary, target);
        }
        catch (SqliteException error)
        {
            throw JournalFault.IsDamage(error) ? new JournalDamagedException(target, error.Message, error) : new JournalException($"{target} cannot be written: {error.Message}", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new JournalException($"{target} cannot be written: {error.Message}", error);
        }
        finally
        {
            foreach (var end in (string[])["", "-wal", "-shm", "-journal"])
                File.Delete(temporary + end);
        }
    }

    private static List<string> Lines(SqliteConnection connection, string sql)
    {
        using var read = new Statement(connection, sql, 0);
        return read.Rows(row => row.GetString(0));
    }

    private static long Count(SqliteConnection connection, string sql)
    {
        using var count = new Statement(connection, sql, 0);
        return count.Number()!.Value;
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}

/// <summary>How a journal is.</summary>
/// <param name="Damages">What is wrong; empty when it is whole. At most 20 lines.</param>
/// <param name="Instances">How many instances it holds; null when they cannot be counted.</param>
/// <param name="Unfinished">How many of them have not finished; null when they cannot be counted.</param>
public sealed record JournalCheck(IReadOnlyList<string> Damages, long? Instances, long? Unfinished);

/// <summary>What came out of a damaged journal.</summary>
/// <param name="Instances">Instances in the new journal.</param>
/// <param name="Unfinished">Of these, the ones that go on.</param>
/// <param name="Failed">Ids of unfinished instances that cannot go on and are failed.</param>
/// <param name="Lost">Ids of instances that could not be read; only the id is left.</param>
/// <param name="IsListComplete">Whether <paramref name="Lost"/> and <paramref name="Failed"/> name all: false when not even the lists of ids and of messages could be read whole.</param>
public sealed record JournalRescue(long Instances, long Unfinished, IReadOnlyList<string> Failed, IReadOnlyList<string> Lost, bool IsListComplete);
