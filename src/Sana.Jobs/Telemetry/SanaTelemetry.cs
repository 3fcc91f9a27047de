using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Sana.Jobs.Telemetry;

/// <summary>Names and instruments of everything that is measured. Labels come from closed sets: never a key, a prompt, a URL or an error's text.</summary>
public static class SanaTelemetry
{
    /// <summary>The meter and the activity source.</summary>
    public const string Name = "Sana";

    private static readonly Meter Meter = new(Name);

    private static readonly InstrumentAdvice<double> JobSeconds = new() { HistogramBucketBoundaries = [.05, .1, .25, .5, 1, 2, 5, 10, 20, 30, 60, 120, 300] };

    /// <summary>Spans from request to image; a span of the worker continues the trace that its message carries.</summary>
    public static ActivitySource Activities { get; } = new(Name);

    internal static Histogram<double> JobDuration { get; } = Meter.CreateHistogram("sana.job.duration", "s", "Stages of a job.", advice: JobSeconds);

    internal static Histogram<double> QueueWait { get; } = Meter.CreateHistogram("sana.queue.wait", "s", "From being queued to being taken.", advice: JobSeconds);

    internal static Counter<long> ImagesGenerated { get; } = Meter.CreateCounter<long>("sana.images.generated", "{image}", "Usable images.");

    internal static Counter<long> ImagesInvalid { get; } = Meter.CreateCounter<long>("sana.images.invalid", "{image}", "Images that came out unusable, by reason.");

    internal static Counter<long> JobOutcomes { get; } = Meter.CreateCounter<long>("sana.job.outcomes", "{job}", "Ended jobs, by reason.");

    internal static Histogram<int> BatchSize { get; } = Meter.CreateHistogram("sana.batch.size", "{image}", "Images rendered together.", advice: new InstrumentAdvice<int> { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64] });

    internal static Counter<double> RenderTime { get; } = Meter.CreateCounter<double>("sana.gpu.time", "s", "Time in which the device rendered.");

    internal static Histogram<double> ModelLoad { get; } = Meter.CreateHistogram("sana.model.load.duration", "s", "Reading the checkpoint into the runtime.", advice: JobSeconds);

    internal static Counter<long> CaptionsGenerated { get; } = Meter.CreateCounter<long>("sana.captions.generated", "{caption}", "Answers of captioners.");

    internal static Counter<long> CaptionsRejected { get; } = Meter.CreateCounter<long>("sana.captions.rejected", "{caption}", "Answers that cannot be used, by what was found.");

    internal static Counter<long> Items { get; } = Meter.CreateCounter<long>("sana.items", "{image}", "Images of datasets, by what became of them.");

    /// <summary>Shows the depth of the queue as whoever watches it last counted.</summary>
    public static void Observe(Func<long> queued, Func<long> running)
    {
        Meter.CreateObservableGauge("sana.jobs.queued", queued, "{job}", "Jobs that wait.");
        Meter.CreateObservableGauge("sana.jobs.running", running, "{job}", "Jobs that a worker holds.");
    }
}
