using Sana.Inference.Diffusion;

namespace Sana.Jobs.Generation;

/// <summary>The Sana pipeline as a renderer. The caller disposes the pipeline.</summary>
public sealed class PipelineRenderer(SanaPipeline pipeline) : IRenderer
{
    /// <inheritdoc/>
    public string Fingerprint => pipeline.Fingerprint;

    /// <inheritdoc/>
    public string ModelName => pipeline.ModelName;

    /// <inheritdoc/>
    public GenerateOptions Resolve(GenerateOptions options) => pipeline.Resolve(options);

    /// <inheritdoc/>
    public IReadOnlyList<GeneratedImage> Generate(
        IReadOnlyList<ImageRequest> batch, GenerateOptions resolved, IProgress<GenerateProgress>? progress, CancellationToken cancellationToken) =>
        pipeline.Generate(batch, resolved, progress, cancellationToken);
}
