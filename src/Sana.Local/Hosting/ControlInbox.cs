using System.Text.Json;
using DurableTask.Sqlite;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Sana.Jobs;
using Sana.Jobs.Control;
using Sana.Jobs.Durable;

namespace Sana.Local.Hosting;

/// <summary>
/// How a command steers instances of a data folder that another process owns: a request is a row of the table <c>control</c> in <c>queue.db</c>, and its answer is written into the row.
/// When no process owns the folder, the command opens the journal itself. No activity runs meanwhile: nothing is rendered, captioned or paid.
/// </summary>
internal static partial class ControlInbox
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan CancelTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Sends a request and waits for its answer; where no process owns the folder it is carried out here.</summary>
    /// <param name="data">The data folder.</param>
    /// <param name="journal">The journal's place; null for the one that the folder was last opened with.</param>
    /// <param name="request">What to do.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>False when the instance is not there or not in a state for it.</returns>
    /// <exception cref="JournalException">The folder has no journal, it cannot be opened, or the process that owns it does not answer.</exception>
    /// <exception cref="SanaException">The shared journal cannot be opened.</exception>
    public static async Task<bool> Send(string data, string? journal, ControlRequest request, CancellationToken cancellationToken)
    {
        var options = Options(data, journal);
        if (options.Journal == "sqlite" && !File.Exists(JournalFile(data)))
            throw new JournalException($"There is no journal in {data}; give the --data folder of the run.");
        for (; ; )
        {
            DurableHost engine;
            try
            {
                engine = await DurableHost.Open(options);
            }
            catch (JournalException refusal) when (IsOwned(refusal))
            {
                if (await Ask(options, request, refusal, cancellationToken) is { } done)
                    return done;
                continue;
            }

            await using var closed = engine;
            // A shared journal is served by the processes that share it.
            if (options.Journal == "sqlite")
                await engine.Start(SanaJobs.AddOrchestrations(new TaskRegistry()));
            return await Apply(engine.Client, request, waits: true);
        }
    }

    /// <summary>The same, for the process that owns the folder alone.</summary>
    /// <returns>What it answered; null when no process owns the folder, and nothing was done.</returns>
    /// <exception cref="JournalException">The process that owns the folder does not answer.</exception>
    public static async Task<bool?> AskOwner(string data, string? journal, ControlRequest request, CancellationToken cancellationToken)
    {
        var options = Options(data, journal);
        return options.Journal == "sqlite" && File.Exists(JournalFile(data)) && await Refusal(options) is { } refusal ? await Ask(options, request, refusal, cancellationToken) : null;
    }

    /// <summary>Carries out the requests of a folder until canceled.</summary>
    public static async Task Serve(string data, WorkflowClient client, ILogger log, CancellationToken cancellationToken)
    {
        try
        {
            for (; ; await Task.Delay(PollInterval, cancellationToken))
            {
                try
                {
                    using var table = Connect(data);
                    // Without a request nothing is written, so that a look costs no flush.
                    for (; !cancellationToken.IsCancellationRequested; await Task.Delay(PollInterval, cancellationToken))
                    {
                        foreach (var (row, verb, id, reasons) in table.Open())
                            table.Answer(row, await Carry(row, verb, id, reasons, client, log));
                    }
                }
                catch (Exception error) when (error is not OperationCanceledException)
                {
                    NotRead(log, data, error);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The host is closed.
        }
    }

    /// <summary>The owner's answer; null when it ended before it gave one.</summary>
    private static async Task<bool?> Ask(LocalOptions options, ControlRequest request, JournalException refusal, CancellationToken cancellationToken)
    {
        using var table = Connect(options.Data!);
        var row = table.Add(request);
        try
        {
            var (begun, looked) = (TimeProvider.System.GetTimestamp(), TimeProvider.System.GetTimestamp());
            for (; TimeProvider.System.GetElapsedTime(begun) < AnswerTimeout; await Task.Delay(PollInterval, cancellationToken))
            {
                if (table.Take(row) is { } answer)
                    return answer.Error is null ? answer.Done : throw new SanaException(answer.Error);
                // The owner may be a command like this one, which answers nobody and ends soon.
                if (TimeProvider.System.GetElapsedTime(looked) < LookInterval)
                    continue;
                if (await Refusal(options) is null)
                    return null;
                looked = TimeProvider.System.GetTimestamp();
            }

            throw new JournalException($"The process that owns {options.Data} does not answer; look whether it still runs. {refusal.Message}", refusal);
        }
        finally
        {
            // Also when the wait is interrupted: an old request must not be carried out by the next process.
            table.Remove(row);
        }
    }

    /// <summary>Why the journal cannot be opened: another process owns it. Null when nobody does.</summary>
    private static async Task<JournalException?> Refusal(LocalOptions options)
    {
        try
        {
            await (await DurableHost.Open(options)).DisposeAsync();
            return null;
        }
        catch (JournalException refusal) when (IsOwned(refusal))
        {
            return refusal;
        }
    }

    // The lock of the journal is refused by the operating system. A journal that is damaged, or of another version, has no owner that could be asked.
    private static bool IsOwned(JournalException refusal) => refusal.InnerException is IOException;

    private static string JournalFile(string data) => Path.Combine(data, "journal.db");

    private static LocalOptions Options(string data, string? journal) => new() { Data = data, Journal = journal ?? HostFile.JournalOf(data), MaxParallelSteps = 0 };

    private static async Task<ControlAnswer> Carry(long row, string verb, string id, string reasons, WorkflowClient client, ILogger log)
    {
        try
        {
            return new ControlAnswer(await Apply(client, new ControlRequest(verb, id, JsonSerializer.Deserialize(reasons, HostJson.Default.IReadOnlyListString) ?? []), waits: false));
        }
        catch (Exception error)
        {
            // Whatever it asks for, one request never ends the service of the others.
            Refused(log, row, error);
            return new ControlAnswer(Done: false, $"The request could not be carried out: {error.Message}");
        }
    }

    private static ControlTable Connect(string data) => new(Path.Combine(data, "queue.db"));

    private static async Task<bool> Apply(WorkflowClient client, ControlRequest request, bool waits) => request.Verb switch
    {
        "cancel" => await Cancel(client, request.Id, request.Reasons is [var reason, ..] ? reason : "sana cancel", waits),
        "suspend" => await client.Suspend(request.Id),
        "resume" => await RunControl.Resume(client, request.Id),
        "retry" => await RunControl.Retry(client, request.Id, request.Reasons),
        _ => throw new SanaException($"'{request.Verb}' is none of cancel, suspend, resume and retry."),
    };

    private static async Task<bool> Cancel(WorkflowClient client, string id, string reason, bool waits)
    {
        if (!await client.Cancel(id, reason))
            return false;
        if (!waits)
            return true;
        // This command owns the journal: the instance ends before it is closed again.
        try
        {
            using var timeout = new CancellationTokenSource(CancelTimeout);
            await client.Wait(id, timeout.Token);
        }
        catch (OperationCanceledException)
        {
            // It ends later; the request is in the journal.
        }

        return true;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Control request {Row} could not be carried out.")]
    private static partial void Refused(ILogger log, long row, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The control requests of {Folder} could not be read; they are looked at again.")]
    private static partial void NotRead(ILogger log, string folder, Exception error);
}

/// <param name="Verb">cancel, suspend, resume or retry.</param>
/// <param name="Id">The instance.</param>
/// <param name="Reasons">Of a retry: the reason codes whose items are done again; of a cancel: why.</param>
internal sealed record ControlRequest(string Verb, string Id, IReadOnlyList<string> Reasons);

/// <param name="Done">Whether the instance was in a state for it.</param>
/// <param name="Error">Why the request was not carried out, or null.</param>
internal sealed record ControlAnswer(bool Done, string? Error = null);

/// <summary>The table <c>control</c>: requests of other processes and their answers.</summary>
internal sealed class ControlTable : IDisposable
{
    private readonly SqliteConnection _connection;

    public ControlTable(string path)
    {
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ConnectionString);
        try
        {
            _connection.Open();
            Create();
        }
        catch
        {
            _connection.Dispose();
            throw;
        }
    }

    private void Create()
    {
        using var create = Command("PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS control(row INTEGER PRIMARY KEY AUTOINCREMENT, verb TEXT NOT NULL, id TEXT NOT NULL, reasons TEXT NOT NULL, done INTEGER, error TEXT)");
        create.ExecuteNonQuery();
    }

    public long Add(ControlRequest request)
    {
        using var add = Command(
            "INSERT INTO control(verb, id, reasons) VALUES($1, $2, $3) RETURNING row", request.Verb, request.Id, JsonSerializer.Serialize(request.Reasons, HostJson.Default.IReadOnlyListString));
        return (long)add.ExecuteScalar()!;
    }

    /// <summary>The requests without an answer, in their order.</summary>
    public IReadOnlyList<(long Row, string Verb, string Id, string Reasons)> Open()
    {
        using var open = Command("SELECT row, verb, id, reasons FROM control WHERE done IS NULL ORDER BY row");
        using var rows = open.ExecuteReader();
        var requests = new List<(long, string, string, string)>();
        while (rows.Read())
            requests.Add((rows.GetInt64(0), rows.GetString(1), rows.GetString(2), rows.GetString(3)));
        return requests;
    }

    public void Answer(long row, ControlAnswer answer)
    {
        using var update = Command("UPDATE control SET done=$2, error=$3 WHERE row=$1", row, answer.Done ? 1 : 0, answer.Error);
        update.ExecuteNonQuery();
    }

    /// <summary>The answer of a request, which is removed with it; null while there is none.</summary>
    public ControlAnswer? Take(long row)
    {
        using var take = Command("DELETE FROM control WHERE row=$1 AND done IS NOT NULL RETURNING done, error", row);
        using var rows = take.ExecuteReader();
        return rows.Read() ? new ControlAnswer(rows.GetInt64(0) == 1, rows.IsDBNull(1) ? null : rows.GetString(1)) : null;
    }

    public void Remove(long row)
    {
        using var remove = Command("DELETE FROM control WHERE row=$1", row);
        remove.ExecuteNonQuery();
    }

    public void Dispose() => _connection.Dispose();

    private SqliteCommand Command(string sql, params ReadOnlySpan<object?> values)
    {
        var command = _connection.CreateCommand();
        command.CommandText = sql;
        for (var number = 1; number <= values.Length; number++)
            command.Parameters.AddWithValue($"${number}", values[number - 1] ?? DBNull.Value);
        return command;
    }
}
