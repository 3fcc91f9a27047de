using System.Text.Json;
using Sana.Inference.Diffusion;
using Sana.Jobs.Durable;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Generation;

/// <summary>Some images of a run in the order of its plan, made or not, for somebody who looks at them. The plan is read in its own chunks, so a page costs the same in a run of any length.</summary>
/// <param name="Images">At most as many as were asked for.</param>
/// <param name="Chunk">The chunk of the plan that they are of, from 0.</param>
/// <param name="From">The place of the first in its chunk, from 0.</param>
/// <param name="InChunk">Images and left-out rows of the chunk.</param>
public sealed record RunImages(IReadOnlyList<RunImage> Images, int Chunk, int From, int InChunk)
{
    /// <summary>The run that an instance makes; null as long as it has no plan.</summary>
    public static string? RunIdOf(WorkflowInstance instance)
    {
        ArgumentNullException.ThrowIfNull(instance);
        if (instance.Workflow != GenerateImages.Workflow.Name)
            return null;
        if (instance.Status == WorkflowStatus.Completed)
            return instance.ReadOutput<GenerateSummary>().RunId;
        return instance.CustomStatus is { } status ? WorkflowJson.Read<RunStatus>(status).RunId : WorkflowJson.Read<GenerateRequest>(instance.Input).Cursor?.Plan.RunId;
    }

    /// <summary>The images of a chunk from a place on.</summary>
    /// <param name="blobs">Where the run is.</param>
    /// <param name="runId">The run.</param>
    /// <param name="chunk">A chunk of its plan, from 0.</param>
    /// <param name="from">The place of the first; one behind the end of the chunk gives the last <paramref name="most"/>.</param>
    /// <param name="most">At most so many, 1 or more.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <returns>Null when the run has no such chunk.</returns>
    /// <exception cref="SanaException">The blobs cannot be read.</exception>
    public static async Task<RunImages?> Read(IBlobs blobs, string runId, int chunk, int from, int most, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(blobs);
        var names = new RunNames(runId);
        if (await blobs.Read(names.PlanChunk(chunk), cancellationToken) is not { } json)
            return null;
        var plan = JsonSerializer.Deserialize(json, GenerateJson.Default.PlanChunk)!.Plan().ToList();
        var all = plan.Sum(LengthOf);
        from = from < all ? from : Math.Max(0, (all - 1) / most * most);
        var (images, place) = (new List<RunImage>(), 0);
        foreach (var item in plan)
        {
            var (begin, end) = (Math.Max(from - place, 0), Math.Min(from + most - place, LengthOf(item)));
            place += LengthOf(item);
            if (begin < end)
                images.AddRange((await Of(blobs, names, item, cancellationToken))[begin..end]);
        }

        return new RunImages(images, chunk, from, all);
    }

    private static int LengthOf(PlanItem item) => item is RenderBatch batch ? batch.Images.Count : 1;

    private static async Task<RunImage[]> Of(IBlobs blobs, RunNames names, PlanItem item, CancellationToken cancellationToken)
    {
        if (item is RejectedRow row)
            return [new RunImage("", null, null, 0, 0, row.Rejection.Reason, $"Row {row.Row}: {row.Rejection.Message}")];
        var batch = (RenderBatch)item;
        var records = await new FinishedImages(blobs, names, fingerprint: null).Of(batch, redo: null, cancellationToken);
        var failure = Array.TrueForAll(records, record => record is not null) || await blobs.Read(names.Failure(batch.Id), cancellationToken) is not { } bytes
            ? null
            : JsonSerializer.Deserialize(bytes, RunJson.Readable.BatchFailure);
        return [.. batch.Images.Select((image, i) => Of(image.Request, batch.Options, records[i], failure))];
    }

    private static RunImage Of(ImageRequest asked, GenerateOptions options, ImageRecord? record, BatchFailure? failure) => record switch
    {
        { Image: { } file } => new RunImage(asked.Prompt, asked.Seed, file.Name, file.Width, file.Height, null, null),
        { Status: OutcomeStatus.NotKept, Message: var why } => new RunImage(asked.Prompt, asked.Seed, null, options.Width ?? 0, options.Height ?? 0, OutcomeStatus.NotKept, why ?? "Other candidates of this image were chosen."),
        { Reason: var reason, Message: var why } => new RunImage(asked.Prompt, asked.Seed, null, options.Width ?? 0, options.Height ?? 0, reason, why ?? "No image came out that could be kept."),
        null => new RunImage(asked.Prompt, asked.Seed, null, options.Width ?? 0, options.Height ?? 0, failure?.Reason, failure?.Message),
    };
}

/// <summary>An image of a run.</summary>
/// <param name="Prompt">What was asked for; empty of a row that was left out.</param>
/// <param name="Seed">Its seed; null of a row that was left out.</param>
/// <param name="Blob">Its name; null when it is not there.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Reason">Why it is not there; null when it is there or not made yet.</param>
/// <param name="Message">The same in one sentence.</param>
public sealed record RunImage(string Prompt, ulong? Seed, string? Blob, int Width, int Height, string? Reason, string? Message);
