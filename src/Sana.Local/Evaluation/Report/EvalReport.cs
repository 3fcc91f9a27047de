using System.Text.Json.Serialization;
using Sana.Inference.Diffusion;

namespace Sana.Local.Evaluation.Report;

/// <summary>All figures of one evaluation. Nothing of the clock stands in it: the same checkpoint and options give the same report.</summary>
/// <param name="Checkpoint">Its name.</param>
/// <param name="Fingerprint">Its fingerprint.</param>
/// <param name="Clip">The scorer's name; null without CLIP.</param>
/// <param name="ClipFingerprint">The scorer's fingerprint.</param>
/// <param name="Setting">Solver, steps and guidance of all but the sweeps.</param>
/// <param name="Seed">Decides prompts and noise.</param>
/// <param name="Side">Pixels of an image's side.</param>
/// <param name="Unusable">Images of the main set that came out broken; they count as not met.</param>
/// <param name="Overall">The mean of the six shares, as in GenEval, with counts of all images.</param>
/// <param name="Categories">Prompt following by category.</param>
/// <param name="BestOf">The image that CLIP scores highest of every N.</param>
/// <param name="Steps">Steps × solver.</param>
/// <param name="Guidance">Guidance scales.</param>
internal sealed record EvalReport(
    string Checkpoint, string Fingerprint, string? Clip, string? ClipFingerprint, Setting Setting, ulong Seed, int Side, int Unusable,
    Figure Overall, IReadOnlyList<CategoryRow> Categories, IReadOnlyList<BestOfRow> BestOf, IReadOnlyList<SweepRow> Steps, IReadOnlyList<SweepRow> Guidance)
{
    /// <summary>The adapters that all images are drawn with; left out without one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<AdapterUse>? Lora { get; init; }
}

/// <summary>How images were made.</summary>
internal sealed record Setting(string Solver, int Steps, double Guidance);

/// <summary>Prompt following in one category.</summary>
internal sealed record CategoryRow(string Category, int Prompts, Figure Figure);

/// <summary>What is left when CLIP chooses one of every N images of a prompt.</summary>
internal sealed record BestOfRow(int N, Figure Figure);

/// <summary>One setting of a sweep.</summary>
internal sealed record SweepRow(Setting Setting, Figure Figure);
