using System.Text.Json;
using DurableTask.Sqlite;
using Microsoft.Extensions.Logging;
using Sana.Jobs;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;

namespace Sana.Local.Hosting;

/// <summary>
/// How a command steers instances of a data folder that another process owns: a request is a file in <c>control/</c>, and so is its answer. When no process owns the folder, the command
/// opens the journal itself. No activity runs meanwhile: nothing is rendered, captioned or paid.
/// </summary>
internal static partial class ControlInbox
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan CancelTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Sends a request and waits for its answer.</summary>
    /// <param name="data">The data folder.</param>
    /// <param name="journal">The journal's place; null for the one that the folder was last opened with.</param>
    /// <param name="request">What to do.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>False when the instance is not there or not in a state for it.</returns>
    /// <exception cref="JournalException">The folder has no journal, or the process that owns it does not answer.</exception>
    /// <exception cref="SanaException">The shared journal cannot be opened.</exception>
    public static async Task<bool> Send(string data, string? journal, ControlRequest request, CancellationToken cancellationToken)
    {
        var options = new LocalOptions { Data = data, Journal = journal ?? HostFile.JournalOf(data), MaxParallelSteps = 0 };
        if (options.Journal == "sqlite" && !File.Exists(Path.Combine(data, "journal.db")))
            throw new JournalException($"There is no journal in {data}; give the --data folder of the run.");
        await using var engine = await Open(options);
        return engine is not null ? await Apply(engine.Client, request) : await Ask(data, request, cancellationToken);
    }

    /// <summary>Carries out the requests of a folder until canceled.</summary>
    public static async Task Serve(string data, WorkflowClient client, ILogger log, CancellationToken cancellationToken)
    {
        var folder = Path.Combine(data, "control");
        try
        {
            for (; ; await Task.Delay(PollInterval, cancellationToken))
            {
                try
                {
                    foreach (var path in Directory.CreateDirectory(folder).GetFiles("*.request").Select(file => file.FullName).Order())
                        await Answer(path, client, log);
                }
                catch (Exception error) when (error is IOException or UnauthorizedAccessException)
                {
                    NotRead(log, folder, error);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The host is closed.
        }
    }

    private static async Task<DurableHost?> Open(LocalOptions options)
    {
        DurableHost engine;
        try
        {
            engine = await DurableHost.Open(options);
        }
        catch (JournalException)
        {
            // Another process owns the journal; it will answer.
            return null;
        }

        // A shared journal is served by the processes that share it.
        if (options.Journal == "sqlite")
        {
            await engine.Start(SanaJobs.AddOrchestrations(new TaskRegistry()));
        }

        return engine;
    }

    private static async Task<bool> Ask(string data, ControlRequest request, CancellationToken cancellationToken)
    {
        var path = Path.Combine(Directory.CreateDirectory(Path.Combine(data, "control")).FullName, Guid.CreateVersion7().ToString("N"));
        await Publish(path + ".request", JsonSerializer.Serialize(request, HostJson.Default.ControlRequest), cancellationToken);
        for (var begun = TimeProvider.System.GetTimestamp(); TimeProvider.System.GetElapsedTime(begun) < AnswerTimeout; await Task.Delay(PollInterval, cancellationToken))
        {
            if (!File.Exists(path + ".answer"))
                continue;
            var answer = JsonSerializer.Deserialize(await File.ReadAllTextAsync(path + ".answer", cancellationToken), HostJson.Default.ControlAnswer)!;
            File.Delete(path + ".answer");
            return answer.Error is null ? answer.Done : throw new SanaException(answer.Error);
        }

        File.Delete(path + ".request");
        throw new JournalException($"The process that owns {data} does not answer; look whether it still runs.");
    }

    private static async Task Answer(string path, WorkflowClient client, ILogger log)
    {
        ControlAnswer answer;
        try
        {
            var request = JsonSerializer.Deserialize(await File.ReadAllTextAsync(path), HostJson.Default.ControlRequest) ?? throw new JsonException("It is null.");
            answer = new ControlAnswer(await Apply(client, request));
        }
        catch (Exception error)
        {
            // Whatever it asks for, one request never ends the service of the others.
            Refused(log, path, error);
            answer = new ControlAnswer(Done: false, $"The request could not be carried out: {error.Message}");
        }

        await Publish(Path.ChangeExtension(path, ".answer"), JsonSerializer.Serialize(answer, HostJson.Default.ControlAnswer), CancellationToken.None);
        File.Delete(path);
    }

    /// <summary>Whoever sees the name sees the whole text.</summary>
    private static async Task Publish(string path, string text, CancellationToken cancellationToken)
    {
        await File.WriteAllTextAsync(path + ".new", text, cancellationToken);
        File.Move(path + ".new", path, overwrite: true);
    }

    private static async Task<bool> Apply(WorkflowClient client, ControlRequest request) => request.Verb switch
    {
        "cancel" => await Cancel(client, request.Id, request.Reasons is [var reason, ..] ? reason : "sana cancel"),
        "suspend" => await client.Suspend(request.Id),
        "resume" => await client.Resume(request.Id),
        "retry" => await GenerateSubmission.Retry(client, request.Id, request.Reasons) || await CurationSubmission.Retry(client, request.Id, request.Reasons),
        _ => throw new SanaException($"'{request.Verb}' is none of cancel, suspend, resume and retry."),
    };

    private static async Task<bool> Cancel(WorkflowClient client, string id, string reason)
    {
        if (!await client.Cancel(id, reason))
            return false;
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

    [LoggerMessage(Level = LogLevel.Warning, Message = "The control request {Path} could not be carried out.")]
    private static partial void Refused(ILogger log, string path, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The control requests in {Folder} could not be read; they are looked at again.")]
    private static partial void NotRead(ILogger log, string folder, Exception error);
}

/// <param name="Verb">cancel, suspend, resume or retry.</param>
/// <param name="Id">The instance.</param>
/// <param name="Reasons">Of a retry: the reason codes whose items are done again; of a cancel: why.</param>
internal sealed record ControlRequest(string Verb, string Id, IReadOnlyList<string> Reasons);

/// <param name="Done">Whether the instance was in a state for it.</param>
/// <param name="Error">Why the request was not carried out, or null.</param>
internal sealed record ControlAnswer(bool Done, string? Error = null);
