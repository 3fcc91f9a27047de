using Sana.Workflows.Contract;

namespace Sana.Workflows.Orchestrations;

/// <summary>
/// A source of images to a training set: plan shards; ingest all of them, so that duplicates can be linked over the whole; then shard by shard every captioner at once, scores,
/// selection, files; then manifest and report. A run of the instance is <see cref="ShardsPerRun"/> shards of one stage, so its history stays short at any number of images.
/// </summary>
public sealed class CurateDataset : IWorkflow<CurateRequest, CurateSummary>
{
    private const int ShardsPerRun = 128;

    private static readonly StepRetry Patience = GenerateImages.Patience with
    {
        ExceptFor = [.. GenerateImages.Patience.ExceptFor, UnusableJobException.Name, "Sana.GraphBuilder.CheckpointException"],
    };

    /// <inheritdoc/>
    public async Task<CurateSummary> Run(IWorkflowContext context, CurateRequest request)
    {
        var at = request.Cursor ?? new CurateCursor(await context.Call(Steps.PlanDataset, request, Patience), CurateStage.Ingest, 0, ItemCounts.None);
        var (plan, stage, done) = (at.Plan, at.Stage, at.Done);
        context.SetStatus(new RunStatus($"{request.Dataset}/{request.Version}", stage.ToString().ToLowerInvariant(), done.Succeeded + done.Failed + done.Rejected, plan.Items, done.Failed + done.Rejected));
        if (stage == CurateStage.Close)
            return await context.Call(Steps.CloseDataset, new DatasetTicket(request.Job, plan.Shards), Patience);

        var shards = Enumerable.Range(at.Shard, stage == CurateStage.Link ? plan.Shards : Math.Min(ShardsPerRun, plan.Shards - at.Shard)).ToList();
        var counts = stage == CurateStage.Link
            ? [await context.Call(Steps.LinkDuplicates, new DatasetTicket(request.Job, plan.Shards), Patience)]
            : await context.ForEach(shards, request.Pace.InFlight, shard => Work(context, at, new ShardTicket(request.Job, plan.Shards, shard, request.Retry)));

        context.ContinueAsNew(request with { Cursor = at.After(shards.Count, counts.Aggregate(done, (sum, more) => sum.Plus(more))) });
        return null!;
    }

    private static async Task<ItemCounts> Work(IWorkflowContext context, CurateCursor at, ShardTicket shard)
    {
        if (at.Stage == CurateStage.Ingest)
            return await context.Call(Steps.IngestShard, shard, Patience);

        await Task.WhenAll(at.Plan.Captioners.Select(label => context.Call(Steps.CaptionShard, new CaptionTicket(shard, label), Patience)).ToArray());
        if (at.Plan.IsScored)
            await context.Call(Steps.ScoreShard, shard, Patience);
        return await context.Call(Steps.WriteShard, shard, Patience);
    }
}
