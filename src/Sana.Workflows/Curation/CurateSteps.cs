using Sana.Workflows.Blobs;
using Sana.Workflows.Contract;

namespace Sana.Workflows.Curation;

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
    /// <param name="tools">What the host lends.</param>
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

    /// <summary>Adds the steps to those of a host.</summary>
    public WorkflowRegistry Register(WorkflowRegistry registry)
    {
        ArgumentNullException.ThrowIfNull(registry);
        return registry
            .Add(Steps.PlanDataset, _plan.Run)
            .Add(Steps.IngestShard, _ingest.Run)
            .Add(Steps.LinkDuplicates, _link.Run)
            .Add(Steps.CaptionShard, _caption.Run)
            .Add(Steps.ScoreShard, _score.Run)
            .Add(Steps.WriteShard, _write.Run)
            .Add(Steps.CloseDataset, _close.Run);
    }

    /// <summary>Closes captioners and networks.</summary>
    public void Dispose()
    {
        _ingest.Dispose();
        _score.Dispose();
        _datasets.Dispose();
    }
}
