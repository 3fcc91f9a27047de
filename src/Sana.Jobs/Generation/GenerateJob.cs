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

/// <summary>Where a run stands.</summary>
/// <param name="Done">Images that are settled: made now, found from before, or failed.</param>
/// <param name="Total">Images of the whole run.</param>
/// <param name="Rendering">Images of the batch that is being rendered; 0 between batches.</param>
/// <param name="Stage">Where that batch stands.</param>
public readonly record struct RunProgress(long Done, long Total, int Rendering, GenerateProgress Stage);

/// <summary>What a run came to.</summary>
/// <param name="RunId">The run's id.</param>
/// <param name="Manifest">Name of its manifest.</param>
/// <param name="Made">Images rendered and written by this call.</param>
/// <param name="Skipped">Images that were there from before.</param>
/// <param name="Failed">Images that came out unusable.</param>
/// <param name="Rejected">Rows of the prompt file that could not be used.</param>
/// <param name="Reasons">How often each reason code of the failed and rejected occurs.</param>
public sealed record RunSummary(string RunId, string Manifest, long Made, long Skipped, long Failed, long Rejected, IReadOnlyDictionary<string, long> Reasons);
