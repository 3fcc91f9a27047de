using System.Diagnostics;
using Sana.Inference.Diffusion;
using Sana.Jobs.Generation;

namespace Sana.Jobs.Telemetry;

/// <summary>A renderer whose batches are counted, timed and traced.</summary>
public sealed class MeasuredRenderer(IRenderer inner) : IRenderer
{
    /// <inheritdoc />
    public string Fingerprint => inner.Fingerprint;

    /// <inheritdoc />
    public string ModelName => inner.ModelName;

    /// <inheritdoc />
    public GenerateOptions Resolve(GenerateOptions options) => inner.Resolve(options);

    /// <inheritdoc />
    public IReadOnlyList<GeneratedImage> Generate(
        IReadOnlyList<ImageRequest> batch, GenerateOptions resolved, IProgress<GenerateProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentNullException.ThrowIfNull(resolved);
        using var span = SanaTelemetry.Activities.StartActivity("sana.render");
        span?.SetTag("sana.batch.size", batch.Count).SetTag("sana.steps", resolved.Steps).SetTag("sana.width", resolved.Width).SetTag("sana.height", resolved.Height);
        var start = Stopwatch.GetTimestamp();
        var images = inner.Generate(batch, resolved, progress, cancellationToken);
        SanaTelemetry.RenderTime.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        SanaTelemetry.BatchSize.Record(batch.Count);
        foreach (var (stage, seconds) in Stages(images))
            SanaTelemetry.JobDuration.Record(seconds, new("stage", stage), new("outcome", "rendered"));
        return images;
    }

    private static IEnumerable<(string Stage, double Seconds)> Stages(IReadOnlyList<GeneratedImage> images)
    {
        if (images is not [{ Seconds: var seconds }, ..])
            return [];
        return [("text", seconds.Text), ("denoise", seconds.Denoise), ("decode", seconds.Decode)];
    }
}
