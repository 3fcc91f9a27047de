using System.Text.Json;
using Sana.Curation.Captioning;
using Sana.Curation.Captioning.Config;
using Sana.Curation.Sources;
using Sana.Inference.Clip;
using Sana.Inference.Diffusion;
using Sana.Inference.Judging;
using Sana.Jobs.Durable;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>The steps of a curation run. Each may run twice: what it writes has names and bytes that follow from its input and the source.</summary>
public sealed class CurateSteps : IDisposable
{
    private readonly OpenDatasets _datasets;
    private readonly PlanStep _plan;
    private readonly IngestStep _ingest;
    private readonly LinkStep _link;
    private readonly CaptionStep _caption;
    private readonly ScoreStep _score;
    private readonly WriteStep _write;
    private readonly CloseStep _close;

    /// <summary>The steps of one host.</summary>
    /// <param name="blobs">Where everything goes.</param>
    /// <param name="tools">Networks and downloads of the host.</param>
    public CurateSteps(IBlobs blobs, CurationTools tools)
    {
        ArgumentNullException.ThrowIfNull(tools);
        var (spending, clock) = (new Spending(blobs), new StageClock(blobs, tools.Clock));
        _datasets = new OpenDatasets(blobs, tools);
        _plan = new PlanStep(blobs, _datasets);
        _ingest = new IngestStep(blobs, _datasets, clock);
        _link = new LinkStep(blobs, _datasets);
        _caption = new CaptionStep(blobs, _datasets, spending, clock);
        _score = new ScoreStep(blobs, _datasets, clock);
        _write = new WriteStep(blobs, _datasets, clock);
        _close = new CloseStep(blobs, _datasets, spending, tools.Clock);
    }

    /// <summary>Adds the orchestration and its activities to those of a host.</summary>
    public TaskRegistry AddTo(TaskRegistry tasks)
    {
        ArgumentNullException.ThrowIfNull(tasks);
        return tasks
            .AddOrchestrator<CurateDataset>()
            .Add(CurateActivities.PlanShards, _plan.Run)
            .Add(CurateActivities.IngestShard, _ingest.Run)
            .Add(CurateActivities.LinkDuplicates, _link.Run)
            .Add(CurateActivities.CaptionShard, _caption.Run)
            .Add(CurateActivities.ScoreShard, _score.Run)
            .Add(CurateActivities.WriteShard, _write.Run)
            .Add(CurateActivities.CloseDataset, _close.Run);
    }

    /// <summary>Closes captioners and networks.</summary>
    public void Dispose()
    {
        _ingest.Dispose();
        _score.Dispose();
        _datasets.Dispose();
    }
}

/// <summary>What curation needs of its host: captioners, scorers and downloads. Each is opened once and kept.</summary>
public sealed record CurationTools
{
    /// <value>Makes a captioner from its configuration.</value>
    public required Func<CaptionerConfig, CancellationToken, Task<ICaptioner>> Captioner { get; init; }

    /// <value>Loads a checkpoint of CLIP or SigLIP 2 from its folder, in float32 or w8a8.</value>
    public required Func<string, Precision, CancellationToken, Task<ClipScorer>> Scorer { get; init; }

    /// <value>Loads a judge of images from its configuration; of the kind <c>aesthetic</c> over the CLIP that is given.</value>
    public required Func<JudgeConfig, ClipScorer?, CancellationToken, Task<IJudge>> Judge { get; init; }

    /// <value>Reads URLs of manifests. Default: rows with a URL are rejected.</value>
    public GuardedDownload? Download { get; init; }

    /// <value>The clock of seconds in reports. Default the system's.</value>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}

/// <summary>Seconds of stages, kept under <c>timings/</c>: apart from everything that must come out the same each time.</summary>
internal sealed class StageClock(IBlobs blobs, TimeProvider time)
{
    public DateTimeOffset Start() => time.GetUtcNow();

    public Task Record(DateTimeOffset start, string name, long items, long asked, CancellationToken cancellationToken) =>
        blobs.Put(name, JsonSerializer.SerializeToUtf8Bytes(new StageTiming(start, (time.GetUtcNow() - start).TotalSeconds, items, asked), CurateJson.Readable.StageTiming), cancellationToken);
}
