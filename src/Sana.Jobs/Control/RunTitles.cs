using System.Collections.Concurrent;
using System.Text;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;
using Sana.Jobs.Requests;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Control;

/// <summary>What people call an instance: the first prompt of a run, the prompt of a job, name and version of a dataset. A blob is read once; the last 1,000 titles are remembered.</summary>
public sealed class RunTitles(IBlobs blobs)
{
    private const int MaxKept = 1000;
    private const int MaxCharacters = 300;

    // A file whose first rows are all bad has no title, and is not read to its end for one.
    private const int MaxRows = 100;

    private readonly ConcurrentDictionary<string, string> _kept = new(StringComparer.Ordinal);

    /// <summary>The title, at most 300 characters; null when the instance has none or its blob is not there.</summary>
    public async Task<string?> Of(WorkflowInstance instance, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(instance);
        if (instance.Workflow == CurateDataset.Workflow.Name)
            return WorkflowJson.Read<CurateRequest>(instance.Input) is var curation ? $"{curation.Dataset} {curation.Version}" : null;
        if (instance.Workflow == RunJob.Workflow.Name)
            return await Kept(WorkflowJson.Read<JobTicket>(instance.Input).Message, FirstOfMessage, cancellationToken);
        return instance.Workflow == GenerateImages.Workflow.Name
            ? await Kept(WorkflowJson.Read<GenerateRequest>(instance.Input).Job, FirstOfRun, cancellationToken)
            : null;
    }

    private async Task<string?> Kept(string blob, Func<string, CancellationToken, Task<string?>> read, CancellationToken cancellationToken)
    {
        if (_kept.TryGetValue(blob, out var known))
            return known;
        try
        {
            if (await read(blob, cancellationToken) is not { } title)
                return null;
            if (_kept.Count >= MaxKept)
                _kept.Clear();
            return _kept[blob] = Short(title);
        }
        catch (Exception error) when (error is SanaException or JobFaultException or System.Text.Json.JsonException)
        {
            // Removed or damaged by somebody else: the instance is shown by its id.
            return null;
        }
    }

    private async Task<string?> FirstOfMessage(string blob, CancellationToken cancellationToken) =>
        await blobs.Read(blob, cancellationToken) is { } bytes ? JobMessage.Parse(Encoding.UTF8.GetString(bytes)).Input.Prompt : null;

    private async Task<string?> FirstOfRun(string blob, CancellationToken cancellationToken)
    {
        var job = await GenerateSubmission.Read(blobs, blob, cancellationToken);
        // Prompt files are read by code that does not wait.
        return await Task.Run(() => job.Prompts.Rows().Take(MaxRows).FirstOrDefault(row => row.Prompt is not null)?.Prompt!.Text, cancellationToken);
    }

    private static string Short(string text) => text.Length <= MaxCharacters ? text : string.Concat(text.AsSpan(0, char.IsHighSurrogate(text[MaxCharacters - 2]) ? MaxCharacters - 2 : MaxCharacters - 1), "…");
}
