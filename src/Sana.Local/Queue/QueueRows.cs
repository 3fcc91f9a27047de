using System.Globalization;
using System.Text;
using DurableTask.Sqlite;
using Microsoft.Data.Sqlite;
using Sana.Jobs.Queue;

namespace Sana.Local.Queue;

/// <summary>
/// The tables of <c>queue.db</c>, and what is read of a row. Other programs write rows too, so nothing in one is trusted: what is no message says why, and what is
/// only shown is read as far as it can be.
/// </summary>
internal static class QueueRows
{
    /// <summary>No delay and no hold is longer: a message that is to be seen later than this is a mistake.</summary>
    public const long LongestDelay = 366L * 24 * 3600 * 1000;

    // Times are Unix milliseconds. A receipt is null while nobody holds the message. "since" is when "due" was set: so a clock that was set back is noticed.
    private const string Tables = """
        CREATE TABLE IF NOT EXISTS jobs(
            key INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL UNIQUE, body TEXT NOT NULL, priority INTEGER NOT NULL,
            due INTEGER NOT NULL, receipt TEXT, deliveries INTEGER NOT NULL DEFAULT 0, sent INTEGER NOT NULL, since INTEGER, reason TEXT, message TEXT);
        CREATE INDEX IF NOT EXISTS jobs_in_order ON jobs(priority DESC, key);
        CREATE INDEX IF NOT EXISTS jobs_by_due ON jobs(due);
        CREATE TABLE IF NOT EXISTS dead(
            key INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, body TEXT NOT NULL, priority INTEGER NOT NULL,
            reason TEXT NOT NULL, message TEXT NOT NULL, buried INTEGER NOT NULL);
        """;

    // What a file of an earlier version lacks.
    private static readonly (string Column, string Type)[] Added = [("since", "INTEGER"), ("reason", "TEXT"), ("message", "TEXT")];

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private static readonly long Latest = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    /// <summary>Makes what is missing.</summary>
    /// <exception cref="SqliteException">The file cannot be written or is no database.</exception>
    public static void Create(SqliteConnection connection)
    {
        Execute(connection, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;");
        Execute(connection, "BEGIN IMMEDIATE");
        Execute(connection, Tables);
        using var columns = new Statement(connection, "SELECT name FROM pragma_table_info('jobs')", 0);
        var there = columns.Rows(row => row.GetString(0));
        foreach (var (column, type) in Added.Where(column => !there.Contains(column.Column)))
            Execute(connection, $"ALTER TABLE jobs ADD COLUMN {column} {type}");
        Execute(connection, "COMMIT");
    }

    public static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <summary>A row of key, body as bytes, deliveries and sent: the message without its receipt, or why it is none.</summary>
    public static (long Key, QueuedJob? Job, string? Fault) Message(SqliteDataReader row)
    {
        var (key, deliveries, sent) = (row.GetInt64(0), row.GetValue(2), row.GetValue(3));
        if (deliveries is not (>= 0L and < 2_147_483_647L))
            return (key, null, $"The row's deliveries are {Shown(deliveries)}; they are a count from 0.");
        if (sent is not long milliseconds || milliseconds < 0 || milliseconds > Latest)
            return (key, null, $"The row's sent is {Shown(sent)}; it is a time in Unix milliseconds.");
        if (Body(row.GetValue(1)) is not { } body)
            return (key, null, "The row's body is not text in UTF-8.");
        return (key, new QueuedJob { Id = Text(key), Receipt = "", Body = body, Deliveries = (int)(long)deliveries + 1, Sent = Time(sent) }, null);
    }

    /// <summary>Key, body, deliveries, sent, and why it last came back, of a message that is only looked at.</summary>
    public static QueuedJob Peeked(SqliteDataReader row) => new()
    {
        Id = Text(row.GetValue(0)),
        Receipt = "",
        Body = Text(row.GetValue(1)),
        Deliveries = row.GetValue(2) is long deliveries ? (int)Math.Clamp(deliveries, 0, int.MaxValue) : 0,
        Sent = Time(row.GetValue(3)),
        Reason = row.IsDBNull(4) ? null : Text(row.GetValue(4)),
        Message = row.IsDBNull(5) ? null : Text(row.GetValue(5)),
    };

    /// <summary>Key, body, reason, message and time of a dead letter.</summary>
    public static DeadJob Dead(SqliteDataReader row) =>
        new(Text(row.GetValue(0)), Text(row.GetValue(1)), Text(row.GetValue(2)), Text(row.GetValue(3)), Time(row.GetValue(4)));

    /// <summary>Whatever a field holds, as text.</summary>
    public static string Text(object? value) => value switch
    {
        byte[] bytes => Encoding.UTF8.GetString(bytes),
        null or DBNull => "",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
    };

    private static string? Body(object value)
    {
        try
        {
            return value is byte[] bytes ? Strict.GetString(bytes) : null;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static DateTimeOffset Time(object value) =>
        value is long milliseconds && milliseconds >= 0 && milliseconds <= Latest ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds) : default;

    /// <summary>A text as sentences quote it.</summary>
    public static string Short(string text) => text.Length > 60 ? text[..60] + "…" : text;

    private static string Shown(object value) => Short(value switch { byte[] => "bytes", _ => Text(value) });
}
