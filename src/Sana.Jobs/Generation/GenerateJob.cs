using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;

namespace Sana.Jobs.Generation;

/// <summary>Everything one <c>sana generate</c> asks for. What decides pixels or names also decides the run's id.</summary>
public sealed record GenerateJob
{
    /// <value>The prompts; a row may override options, seed and count.</value>
    public required PromptFile Prompts { get; init; }

    /// <value>Options of rows that say nothing else.</value>
    public GenerateOptions Options { get; init; } = new();

    /// <value>Seed of rows without one. Default 0, so that the same command makes the same images.</value>
    public ulong Seed { get; init; }

    /// <value>Images for each prompt and seed, 1…10,000. Default 1.</value>
    public int Images { get; init; } = 1;

    /// <value>Images rendered together, 1…64. Default 1. More is faster on a GPU and takes more memory.</value>
    public int BatchSize { get; init; } = 1;

    /// <value>Default PNG, the only exact one.</value>
    public ImageFormat Format { get; init; } = ImageFormat.Png;

    /// <value>Of JPEG and WebP, 1…100. Default 90.</value>
    public int Quality { get; init; } = 90;

    /// <value>What the networks run on, such as <c>cpu</c>. Default <c>cpu</c>.</value>
    public string Device { get; init; } = "cpu";

    /// <value>A name for the run, a-z, 0-9 and hyphens, at most 64 characters. Default: derived from all of the above and the checkpoint.</value>
    public string? Run { get; init; }
}
