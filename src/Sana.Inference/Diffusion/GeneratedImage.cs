using Sana.Inference.Imaging;

namespace Sana.Inference.Diffusion;

/// <summary>One image to generate.</summary>
/// <param name="Prompt">What the image shows, at most 100,000 characters; the network reads the first 300 tokens.</param>
/// <param name="Seed">Seed and <paramref name="Index"/> alone decide the noise.</param>
/// <param name="Index">Which image of this prompt and seed, from 0.</param>
public sealed record ImageRequest(string Prompt, ulong Seed, int Index = 0)
{
    /// <value>The enhanced prompt, which the image is made from in the place of <see cref="Prompt"/>. Default none.</value>
    public string? RevisedPrompt { get; init; }

    /// <summary>What the image is made from.</summary>
    internal string Text => RevisedPrompt ?? Prompt;
}

/// <summary>One generated image, or the reason why there is none.</summary>
/// <param name="Request">What was asked for; its prompt is enhanced where the options ask for that.</param>
/// <param name="Image">The pixels; null when <paramref name="Failure"/> says why there are none.</param>
/// <param name="Failure">Reason code: <c>nan</c>, <c>flat</c>, <c>black</c> or <c>prompt_too_long</c>; null for a good image.</param>
/// <param name="Flags">Notes about a good image: <c>prompt_truncated</c>, <c>negative_prompt_truncated</c>, <c>tiled</c>, <c>binned</c>, <c>retried_fp32</c>,
/// <c>prompt_not_enhanced</c>: the network wrote nothing that can be used, <c>start_image_unused</c>: the strength leaves no step out, so nothing of the start image is left.</param>
/// <param name="Seconds">What each stage took for the batch this image was part of.</param>
public sealed record GeneratedImage(ImageRequest Request, RgbImage? Image, string? Failure, IReadOnlyList<string> Flags, StageSeconds Seconds);

/// <summary>How long a prompt is for a checkpoint.</summary>
/// <param name="Tokens">Tokens of the prompt; what its first merges with before it is not counted.</param>
/// <param name="Limit">Tokens that the network reads of it; more are cut.</param>
public readonly record struct PromptLength(int Tokens, int Limit);

/// <summary>Wall-clock seconds of the stages of one batch.</summary>
/// <param name="Text">Prompt to embeddings and conditioning.</param>
/// <param name="Denoise">All solver steps, and the start image to latents.</param>
/// <param name="Decode">Latents to pixels.</param>
public sealed record StageSeconds(double Text, double Denoise, double Decode);

/// <summary>Progress of a batch, reported after each solver step and each stage.</summary>
/// <param name="Stage"><c>text</c>, <c>denoise</c> or <c>decode</c>.</param>
/// <param name="Step">Steps of the stage that are done.</param>
/// <param name="Steps">Steps that the stage has.</param>
public readonly record struct GenerateProgress(string Stage, int Step, int Steps)
{
    /// <value>
    /// Decodes what each image of the batch looks like so far, null for one in which nothing can be seen. It takes as long as the decoding of the images, changes nothing about them, and may be
    /// called only while this is reported. Null outside of <c>denoise</c>, after its last step, and for checkpoints of few steps (Sprint).
    /// </value>
    public Func<IReadOnlyList<RgbImage?>>? Preview { get; init; }
}
