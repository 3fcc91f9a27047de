using System.Diagnostics;
using Sana.Inference.Diffusion;
using Sana.Jobs.Telemetry;

namespace Sana.Jobs.Networks;

/// <summary>The Sana pipeline as a renderer whose batches are counted, timed and traced. The caller disposes the pipeline and the judges.</summary>
internal sealed class PipelineRenderer(SanaPipeline pipeline, Gate? judges) : IRenderer
{
    public string Fingerprint { get; } = judges?.Card.FingerprintWith(pipeline.Fingerprint) ?? pipeline.Fingerprint;

    public Gate? Judges => judges;

    public GateCard? Gate => judges?.Card;

    public string ModelName => pipeline.ModelName;

    public string Precision => pipeline.Precision;

    public string? Decoder => pipeline.Decoder;

    public IReadOnlyDictionary<string, string> Adapters => pipeline.Adapters;

    public IReadOnlyDictionary<string, string> Controls => pipeline.Controls;

    public GenerateOptions Resolve(GenerateOptions options) => pipeline.Resolve(options);

    public PromptLength? Measure(string prompt, bool useInstruction) => pipeline.Measure(prompt, useInstruction);

    public string Enhance(string prompt, CancellationToken cancellationToken) => pipeline.Enhance(prompt, cancellationToken);

    public IReadOnlyList<GeneratedImage> Generate(
        IReadOnlyList<ImageRequest> batch, GenerateOptions resolved, IProgress<GenerateProgress>? progress, CancellationToken cancellationToken)
    {
        using var span = SanaTelemetry.Activities.StartActivity("sana.render");
        span?.SetTag("sana.batch.size", batch.Count).SetTag("sana.steps", resolved.Steps).SetTag("sana.width", resolved.Width).SetTag("sana.height", resolved.Height);
        var start = Stopwatch.GetTimestamp();
        var images = pipeline.Generate(batch, resolved, progress, cancellationToken);
        SanaTelemetry.RenderTime.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        SanaTelemetry.BatchSize.Record(batch.Count);
        var seconds = images[0].Seconds;
        foreach (var (stage, spent) in new[] { ("text", seconds.Text), ("denoise", seconds.Denoise), ("decode", seconds.Decode) })
            SanaTelemetry.JobDuration.Record(spent, new("stage", stage), new("outcome", "rendered"));
        return images;
    }
}
