using Sana.Inference.Runtime;

namespace Sana.Inference.Clip;

/// <summary>How a CLIP checkpoint is loaded.</summary>
public sealed record ClipOptions
{
    /// <value>Where the networks run. Default the processor.</value>
    public Device Device { get; init; } = Device.Cpu;

    /// <value>Threads of one product and of preparing images, 0…1024; 0 takes every core. Default 0.</value>
    public int Threads { get; init; }

    /// <value>Images or texts that one run of a network takes, 1…256. Scores depend on it by rounding only. Default 16.</value>
    public int BatchSize { get; init; } = 16;

    /// <value>What <see cref="ClipScorer.Name"/> says: lower-case letters, digits and single hyphens, 1…64. Default: made from the checkpoint's name.</value>
    public string? Name { get; init; }

    /// <exception cref="InferenceException">A value is out of its range.</exception>
    internal void Check()
    {
        if (Threads is < 0 or > 1024)
        {
            throw new InferenceException($"Threads {Threads} is not in 0…1024; use 0 for every core.");
        }

        if (BatchSize is < 1 or > 256)
        {
            throw new InferenceException($"Batch size {BatchSize} is not in 1…256; use 16.");
        }

        if (Name is { } name && !ClipName.IsValid(name))
        {
            throw new InferenceException($"Scorer name '{name}' is not 1…{ClipName.MaxLength} lower-case letters and digits with single hyphens between; write it as in openai-vit-l-14.");
        }
    }
}

/// <summary>How well a text fits an image.</summary>
/// <param name="Score">100 × cosine of the two embeddings, −100…100, not clamped; of the text's first 77 tokens, end token included. Not a number where a network gave none.</param>
/// <param name="WindowScore">Mean of the scores of windows that cover the whole text; equals <paramref name="Score"/> when nothing is cut.</param>
/// <param name="Tokens">Tokens of the whole text, start and end included.</param>
/// <param name="Truncated">The network read less than the whole text for <paramref name="Score"/>.</param>
public sealed record ClipTextScore(double Score, double WindowScore, int Tokens, bool Truncated);
