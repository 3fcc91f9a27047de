using Sana.Inference.Diffusion;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;

namespace Sana.Jobs.Worker;

/// <summary>A renderer that never makes more than some images at once, and that takes values that are not numbers for a failed attempt while there is another.</summary>
internal sealed class BoundedRenderer(IRenderer inner, int maxBatch, bool refuseNan) : IRenderer
{
    public string Fingerprint => inner.Fingerprint;

    public string ModelName => inner.ModelName;

    public GenerateOptions Resolve(GenerateOptions options) => inner.Resolve(options);

    public IReadOnlyList<GeneratedImage> Generate(
        IReadOnlyList<ImageRequest> batch, GenerateOptions resolved, IProgress<GenerateProgress>? progress, CancellationToken cancellationToken)
    {
        var images = new List<GeneratedImage>(batch.Count);
        foreach (var part in batch.Chunk(maxBatch))
        {
            images.AddRange(inner.Generate(part, resolved, progress, cancellationToken));
        }

        return refuseNan && images.Find(image => image.Failure == FaultReason.Nan) is { } bad
            ? throw new JobFaultException(FaultReason.Nan, $"The image of seed {bad.Request.Seed} has values that are not numbers.")
            : images;
    }
}
