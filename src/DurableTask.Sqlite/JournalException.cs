using Microsoft.Data.Sqlite;

namespace DurableTask.Sqlite;

/// <summary>The journal cannot be opened, read or written: it belongs to another process, is damaged, or the disk refuses. The message is one sentence and names the fix.</summary>
public class JournalException : Exception
{
    /// <summary>Creates the exception with its one-sentence message.</summary>
    public JournalException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its one-sentence message and its cause.</summary>
    public JournalException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>The journal cannot be written at present: the disk is full or refuses. Nothing of what was asked for was recorded. It is tried again until it can be, and then the service goes on.</summary>
public sealed class JournalUnavailableException : JournalException
{
    /// <summary>Creates the exception with its one-sentence message and its cause.</summary>
    public JournalUnavailableException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>What the journal holds cannot be relied on: its pages are damaged, or a part of it is missing. <see cref="JournalFile"/> looks closer and brings out what can be read.</summary>
public sealed class JournalDamagedException : JournalException
{
    /// <summary>Creates the exception for damaged pages.</summary>
    /// <param name="path">The journal.</param>
    /// <param name="damage">What was found first.</param>
    /// <param name="innerException">The error of SQLite, or null.</param>
    public JournalDamagedException(string path, string damage, Exception? innerException = null)
        : base($"The journal {path} is damaged ({damage.Trim().TrimEnd('.')}): what it recorded may be lost in part. Put a backup back, or bring what can be read into a new journal.", innerException!)
    {
    }

    /// <summary>Creates the exception with its one-sentence message.</summary>
    public JournalDamagedException(string message)
        : base(message)
    {
    }
}

/// <summary>The code in this program does not fit the recorded history of an instance, or is missing. The instance is unchanged and goes on in a program that has its code.</summary>
public sealed class OrchestrationRefusedException : Exception
{
    /// <summary>Creates the exception with the sentence that says why.</summary>
    public OrchestrationRefusedException(string message)
        : base(message)
    {
    }
}

/// <summary>What an error of SQLite means for a journal.</summary>
internal static class JournalFault
{
    // Result codes of SQLite.
    private const int Permission = 3;
    private const int Busy = 5;
    private const int Locked = 6;
    private const int NoMemory = 7;
    private const int ReadOnly = 8;
    private const int InputOutput = 10;
    private const int Corrupt = 11;
    private const int Full = 13;
    private const int CannotOpen = 14;
    public const int NotADatabase = 26;
    private const int FileWasMoved = ReadOnly | (4 << 8);

    /// <summary>What may pass by itself, or when somebody frees the disk: the same write is tried again.</summary>
    public static bool MayPass(SqliteException error) =>
        error.SqliteErrorCode is Permission or Busy or Locked or NoMemory or ReadOnly or InputOutput or Full or CannotOpen && error.SqliteExtendedErrorCode != FileWasMoved;

    public static bool IsDamage(SqliteException error) => error.SqliteErrorCode is Corrupt or NotADatabase;

    public static JournalUnavailableException Unavailable(string path, SqliteException error) =>
        new($"The journal {path} cannot be written at present: {Words(error)} Nothing new is taken until it can be; what waits goes on then.", error);

    public static JournalException Broken(string path, Exception error) => error is SqliteException damage && IsDamage(damage)
        ? new JournalDamagedException(path, damage.Message, damage)
        : new JournalException($"The journal {path} cannot be written any more: {error.Message} Nothing of the last transaction was written; remove the cause and start again.", error);

    public static JournalException WhenRead(string path, SqliteException error) => IsDamage(error)
        ? new JournalDamagedException(path, error.Message, error)
        : new JournalException($"The journal {path} cannot be read: {error.Message}", error);

    public static JournalException WhenOpened(string path, SqliteException error) => error.SqliteErrorCode switch
    {
        Corrupt => new JournalDamagedException(path, error.Message, error),
        NotADatabase => new JournalException($"The journal {path} cannot be opened: {error.Message} Put a backup back, or move the file away to start with an empty journal.", error),
        _ => new JournalException($"The journal {path} cannot be opened: {Words(error)} Make room and give the program the right to write there, or use another folder.", error),
    };

    private static string Words(SqliteException error) => error.SqliteErrorCode == Full ? "the disk is full (or a limit of the size of files is reached)." : error.Message;
}
