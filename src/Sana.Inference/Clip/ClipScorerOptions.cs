using System.Text.RegularExpressions;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;

namespace Sana.Inference.Clip;

/// <summary>How a <see cref="ClipScorer"/> is loaded.</summary>
public sealed record ClipScorerOptions
{
    /// <value>Where the networks run. Default the processor.</value>
    public Device Device { get; init; } = Device.Cpu;

    /// <value>Threads for one node of the network and for preparing images, 0…1024; 0 takes every core. Default 0.</value>
    public int Threads { get; init; }

    /// <value>Images or texts that one run of a network takes, 1…256. It changes scores by rounding only. Default 16.</value>
    public int BatchSize { get; init; } = 16;

    /// <value>The <see cref="ClipScorer.Name"/>: lower-case letters, digits and single hyphens, 1…64. Default: made from the checkpoint's name.</value>
    public string? Name { get; init; }

    /// <value>What the layers compute in, <see cref="Precision.Float32"/> or <see cref="Precision.W8A8"/>. The graphs of that precision must be there. Default float32.</value>
    public Precision Precision { get; init; } = Precision.Float32;

    /// <exception cref="InferenceException">A value is out of its range, or the device has no kernels for the precision.</exception>
    internal void Check()
    {
        Precision.OfCurationOn(Device);
        if (BatchSize is < 1 or > 256)
            throw new InferenceException($"Batch size {BatchSize} is not in 1…256; use 16.");

        if (Name is { } name && !ClipName.IsValid(name))
            throw new InferenceException($"Scorer name '{name}' is not 1…{ClipName.MaxLength} lower-case letters and digits with single hyphens between; write it as in openai-vit-l-14.");
    }
}

/// <summary>The two families of networks that score.</summary>
public enum ScorerFamily
{
    /// <summary>CLIP (arXiv:2103.00020). Good captions score 20…35 of 100.</summary>
    Clip,

    /// <summary>SigLIP 2 (arXiv:2502.14786). Good captions score 5…20 of 100.</summary>
    Siglip,
}

/// <summary>Families by the names that people know.</summary>
public static class ScorerFamilies
{
    /// <summary>CLIP or SigLIP.</summary>
    public static string Title(this ScorerFamily family) => family == ScorerFamily.Siglip ? "SigLIP" : "CLIP";
}

/// <summary>How well a text fits an image.</summary>
/// <param name="Score">
/// 100 × cosine of the two embeddings, −100…100, not clamped; of as many of the text's first tokens as the network reads (77 of CLIP, 64 of SigLIP 2), end
/// token included. Not a number where a network gave none. Scores of two checkpoints are two scales.
/// </param>
/// <param name="WindowScore">Mean of the scores of windows that cover the whole text; equals <paramref name="Score"/> when nothing is cut.</param>
/// <param name="Tokens">Tokens of the whole text, start and end included; SigLIP has no start token, and padding is none.</param>
/// <param name="Truncated">The network read less than the whole text for <paramref name="Score"/>.</param>
public sealed record ClipTextScore(double Score, double WindowScore, int Tokens, bool Truncated);

/// <summary>A checkpoint's name as part of a column's name: <c>openai/clip-vit-large-patch14</c> is <c>openai-vit-l-14</c>, as open_clip and its users call it.</summary>
internal static partial class ClipName
{
    public const int MaxLength = 64;

    /// <summary>The name of a checkpoint of SigLIP; <c>siglip-</c> is put before one that does not say so: a column of scores says whose they are.</summary>
    public static string OfSiglip(string checkpoint)
    {
        var name = Other().Replace(checkpoint.ToLowerInvariant(), "-").Trim('-');
        name = name.Contains("siglip", StringComparison.Ordinal) ? name : $"siglip-{name}";
        return (name.Length <= MaxLength ? name : name[..MaxLength]).Trim('-');
    }

    /// <summary>The name in lower-case letters, digits and single hyphens; <c>clip</c> for a name without letters and digits.</summary>
    public static string From(string checkpoint)
    {
        var name = Other().Replace(checkpoint.ToLowerInvariant(), "-").Trim('-');
        name = Architecture().Replace(name, match => $"vit-{match.Groups["size"].Value[0]}-{match.Groups["patch"].Value}");
        name = Prefix().Replace(name, "").Trim('-');
        name = name.Length <= MaxLength ? name : name[..MaxLength].Trim('-');
        return name.Length > 0 ? name : "clip";
    }

    /// <summary>Whether a name may be part of a column's name.</summary>
    public static bool IsValid(string name) => name.Length <= MaxLength && Valid().IsMatch(name);

    [GeneratedRegex("[^a-z0-9]+")]
    private static partial Regex Other();

    [GeneratedRegex("vit-(?<size>base|large|huge)-patch(?<patch>[0-9]+)")]
    private static partial Regex Architecture();

    [GeneratedRegex(@"(?<=^|-)clip-(?=vit-)")]
    private static partial Regex Prefix();

    [GeneratedRegex(@"^[a-z0-9]+(-[a-z0-9]+)*\z")]
    private static partial Regex Valid();
}
