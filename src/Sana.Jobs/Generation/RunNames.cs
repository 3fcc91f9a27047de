using System.Globalization;
using Sana.Inference.Diffusion;

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

    public string Record(RenderBatch batch, PlannedImage image) => Image(batch.Folder, image.Job, image.Request, ".json");

    // What the workflows leave beside the outputs; all but the failures follow from the inputs too.
    public string PlanChunk(int chunk) => string.Create(CultureInfo.InvariantCulture, $"work/{RunId}/plan/{chunk:000000}.json");

    public string ChunkOutcomes(int chunk) => string.Create(CultureInfo.InvariantCulture, $"work/{RunId}/outcomes/{chunk:000000}.jsonl");

    public string Failure(string batchId) => $"work/{RunId}/failures/{batchId}.json";

    public string Timings(string batchId) => $"timings/{RunId}/{batchId}.json";

    private static string Numbered(char letter, long number) => string.Create(CultureInfo.InvariantCulture, $"{letter}{number:000000000}");
}
