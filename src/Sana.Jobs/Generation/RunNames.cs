using System.Globalization;
using System.Text.Json;
using Sana.Inference.Diffusion;
using Sana.Jobs.Curation;
using Sana.Jobs.Queue;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Generation;

/// <summary>
/// The names of a run's blobs. They follow from its inputs alone: batches by their place in the plan, jobs by their row in the prompt file. Nothing a user wrote is in them.
/// <para>
/// Everything under <c>runs/</c> is a pure function of the command: interrupted and resumed, or run twice, it is the same tree with the same bytes.
/// What the clock says is under <c>timings/</c>, has the same names too, and is outside that promise.
/// </para>
/// </summary>
/// <param name="RunId">Names the run in records, and its timings.</param>
/// <param name="Root">What its outputs are under: a path without a slash at the end.</param>
internal sealed record RunNames(string RunId, string Root)
{
    public RunNames(string runId)
        : this(runId, $"runs/{runId}")
    {
    }

    public string Config => $"{Root}/config.json";

    public string Manifest => $"{Root}/manifest.json";

    public static string Batch(long number) => Numbered('b', number);

    public static string Job(long row) => Numbered('j', row);

    public string Outcomes(int chunk) => string.Create(CultureInfo.InvariantCulture, $"{Root}/outcomes/{chunk:00000}.jsonl");

    public string Images(string batchId) => $"{Root}/images/{batchId}/";

    public string Image(string batchId, string jobId, ImageRequest request, string extension) =>
        string.Create(CultureInfo.InvariantCulture, $"{Images(batchId)}{jobId}/{request.Index:0000}-{request.Seed}{extension}");

    /// <summary>Where an image outside a limit goes where such images are kept: nothing under it is linked or served.</summary>
    public string Quarantined(string batchId, string jobId, ImageRequest request, string extension) => SharedNames.Quarantined + Image(batchId, jobId, request, extension);

    public string Record(RenderBatch batch, PlannedImage image) => Image(batch.Folder, image.Job, image.Request, ".json");

    // What the workflows leave beside the outputs; all but the failures follow from the inputs too.
    public string PlanChunk(int chunk) => string.Create(CultureInfo.InvariantCulture, $"work/{RunId}/plan/{chunk:000000}.json");

    public string ChunkOutcomes(int chunk) => string.Create(CultureInfo.InvariantCulture, $"work/{RunId}/outcomes/{chunk:000000}.jsonl");

    public string Failure(string batchId) => $"work/{RunId}/failures/{batchId}.json";

    public string Timings(string batchId) => $"timings/{RunId}/{batchId}.json";

    private static string Numbered(char letter, long number) => string.Create(CultureInfo.InvariantCulture, $"{letter}{number:000000000}");
}

/// <summary>Which images of a batch are settled: their record is there, of this checkpoint, and the file that it names is whole.</summary>
/// <param name="blobs">Where they are.</param>
/// <param name="names">The run's names.</param>
/// <param name="fingerprint">Of the checkpoint; null takes any, for plans of an earlier version.</param>
internal sealed class FinishedImages(IBlobs blobs, RunNames names, string? fingerprint)
{
    /// <summary>The record of each image of the batch, in order; null for one that is still to be made, or that failed for a reason of <paramref name="redo"/>.</summary>
    public async Task<ImageRecord?[]> Of(RenderBatch batch, IReadOnlyList<string>? redo, CancellationToken cancellationToken)
    {
        var job = batch.Images[0].Job;
        var folder = names.Images(batch.Folder) + (batch.Images.All(image => image.Job == job) ? job + '/' : "");
        var lengths = new Dictionary<string, long>(StringComparer.Ordinal);
        await foreach (var blob in blobs.List(folder, cancellationToken))
        {
            lengths[blob.Name] = blob.Length;
        }

        var settled = new ImageRecord?[batch.Images.Count];
        for (var i = 0; i < settled.Length; i++)
        {
            var name = names.Record(batch, batch.Images[i]);
            var record = lengths.ContainsKey(name) ? Parse(await blobs.Read(name, cancellationToken)) : null;
            settled[i] = record is not null && IsOf(record, batch, batch.Images[i]) && IsWhole(record, lengths) && redo?.Contains(record.Reason) != true ? record : null;
        }

        return settled;
    }

    /// <summary>A job's id may be given again after its result was forgotten: the record of another request settles nothing.</summary>
    private bool IsOf(ImageRecord record, RenderBatch batch, PlannedImage image) =>
        (fingerprint is null || record.Model?.Fingerprint == fingerprint)
        && record.Prompt == image.Request.Prompt && record.Seed == image.Request.Seed && record.Settings?.MakesTheSame(RunIdentity.Settings(batch.Options)) == true
        && BestOf.Same(record.BestOf, batch.BestOf);

    private static bool IsWhole(ImageRecord record, Dictionary<string, long> lengths) =>
        record.Image is null || (lengths.TryGetValue(record.Image.Name, out var length) && length == record.Image.Bytes);

    private static ImageRecord? Parse(byte[]? json)
    {
        try
        {
            return json is null ? null : JsonSerializer.Deserialize(json, RunJson.Readable.ImageRecord);
        }
        catch (JsonException)
        {
            // Damaged by somebody else: rendered and written again.
            return null;
        }
    }
}
