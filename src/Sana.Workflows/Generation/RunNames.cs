using System.Globalization;
using Sana.Inference.Diffusion;

namespace Sana.Workflows.Generation;

/// <summary>
/// The names of a run's blobs. They follow from its inputs alone: batches by their place in the plan, jobs by their row in the prompt file. Nothing a user wrote is in them.
/// <para>
/// Everything under <c>runs/</c> is a pure function of the command: interrupted and resumed, or run twice, it is the same tree with the same bytes.
/// What the clock says is under <c>timings/</c>, has the same names too, and is outside that promise.
/// </para>
/// </summary>
internal sealed record RunNames(string RunId)
{
    public string Config => $"runs/{RunId}/config.json";

    public string Manifest => $"runs/{RunId}/manifest.json";

    public static string Batch(long number) => Numbered('b', number);

    public static string Job(long row) => Numbered('j', row);

    public string Outcomes(int chunk) => string.Create(CultureInfo.InvariantCulture, $"runs/{RunId}/outcomes/{chunk:00000}.jsonl");

    public string Images(string batchId) => $"runs/{RunId}/images/{batchId}/";

    public string Image(string batchId, string jobId, ImageRequest request, string extension) =>
        string.Create(CultureInfo.InvariantCulture, $"{Images(batchId)}{jobId}/{request.Index:0000}-{request.Seed}{extension}");

    public string Timings(string batchId) => $"timings/{RunId}/{batchId}.json";

    private static string Numbered(char letter, long number) => string.Create(CultureInfo.InvariantCulture, $"{letter}{number:000000000}");
}
