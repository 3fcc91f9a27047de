using Microsoft.DurableTask;
using Sana.Jobs.Durable;

namespace Sana.Jobs.Curation;

/// <summary>
/// A source of images to a training set: plan shards; ingest all of them, so that duplicates can be linked over the whole; then shard by shard every captioner at once, scores,
/// selection, files; then manifest and report. An execution is <see cref="ShardsPerExecution"/> shards of one stage, so its history stays short at any number of images.
/// </summary>
public sealed class CurateDataset : TaskOrchestrator<CurateRequest, CurateSummary>
{
    /// <summary>Its name, with what it takes and gives.</summary>
    public static readonly Orchestration<CurateRequest, CurateSummary> Workflow = new(nameof(CurateDataset));

    private const int ShardsPerExecution = 128;

    private static readonly TaskOptions Retry = Tasks.Retry(6, except: ["Sana.Inference.InferenceException", UnusableJobException.Name, "Sana.GraphBuilder.CheckpointException"]);

    /// <inheritdoc/>
    public override async Task<CurateSummary> RunAsync(TaskOrchestrationContext context, CurateRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var started = request.Cursor?.Started ?? context.CurrentUtcDateTime;
        var at = request.Cursor ?? new CurateCursor(await context.Call(CurateActivities.PlanShards, request, Retry), CurateStage.Ingest, 0, ItemCounts.None, started);
        var (plan, stage, done) = (at.Plan, at.Stage, at.Done);
        var finished = done.Succeeded + done.Failed + done.Rejected;
        context.SetCustomStatus(new RunStatus($"{request.Dataset}/{request.Version}", stage.ToString().ToLowerInvariant(), finished, plan.Items, done.Failed + done.Rejected, started));
        if (stage == CurateStage.Close)
            return await context.Call(CurateActivities.CloseDataset, new DatasetTicket(request.Job, plan.Shards), Retry);

        var shards = Enumerable.Range(at.Shard, stage == CurateStage.Link ? plan.Shards : Math.Min(ShardsPerExecution, plan.Shards - at.Shard)).ToList();
        var counts = stage == CurateStage.Link
            ? [await context.Call(CurateActivities.LinkDuplicates, new DatasetTicket(request.Job, plan.Shards), Retry)]
            : await Tasks.ForEach(shards, request.Pace.InFlight, shard => Work(context, at, new ShardTicket(request.Job, plan.Shards, shard, request.Retry)));

        context.ContinueAsNew(request with { Cursor = at.After(shards.Count, counts.Aggregate(done, (sum, more) => sum.Plus(more))) });
        return null!;
    }

    private static async Task<ItemCounts> Work(TaskOrchestrationContext context, CurateCursor at, ShardTicket shard)
    {
        if (at.Stage == CurateStage.Ingest)
            return await context.Call(CurateActivities.IngestShard, shard, Retry);

        await Task.WhenAll(at.Plan.Captioners.Select(label => context.Call(CurateActivities.CaptionShard, new CaptionTicket(shard, label), Retry)).ToArray());
        if (at.Plan.IsScored)
            await context.Call(CurateActivities.ScoreShard, shard, Retry);
        return await context.Call(CurateActivities.WriteShard, shard, Retry);
    }
}
