using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.StillLife.Analysis;
using Sana.StillLife.Evaluation;

namespace Sana.Local.Evaluation;

/// <summary>One image of a prompt, with whether it shows what was asked for.</summary>
/// <param name="Prompt">What was asked for.</param>
/// <param name="Image">The pixels; null where the network gave none that can be used.</param>
/// <param name="Seen">What the analyser finds in it; null without an image.</param>
internal sealed record Drawn(EvaluationPrompt Prompt, RgbImage? Image, SeenScene? Seen)
{
    /// <summary>Whether the image shows it.</summary>
    public bool IsMet { get; } = Seen is not null && Prompt.IsMetBy(Seen);
}

/// <summary>Draws images in batches of a fixed composition.</summary>
internal sealed class Drawing(SanaPipeline pipeline, int batchSize, ulong seed, CancellationToken cancellationToken)
{
    /// <summary>Images of prompts, those of one prompt together. Each has noise of its own, the same under all options.</summary>
    public IReadOnlyList<Drawn> Draw(IReadOnlyList<EvaluationPrompt> prompts, int images, GenerateOptions options)
    {
        var requests = prompts.SelectMany((prompt, i) => Enumerable.Range(0, images).Select(k => (Prompt: prompt, Request: new ImageRequest(prompt.Text, seed, (i * images) + k))));
        return [.. requests.Chunk(batchSize).SelectMany(batch => Images([.. batch.Select(one => one.Request)], options).Zip(batch, (image, one) => Judge(one.Prompt, image)))];
    }

    /// <summary>One image for each request, null where the network gave none that can be used.</summary>
    public IReadOnlyList<RgbImage?> Images(IReadOnlyList<ImageRequest> requests, GenerateOptions options) =>
        [.. pipeline.Generate(requests, options, cancellationToken: cancellationToken).Select(made => made.Image)];

    private static Drawn Judge(EvaluationPrompt prompt, RgbImage? image) =>
        new(prompt, image, image is null ? null : SceneAnalyser.Read(image.Pixels, image.Width));
}
