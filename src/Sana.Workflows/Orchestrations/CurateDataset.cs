using Sana.Workflows.Contract;

namespace Sana.Workflows.Orchestrations;

/// <summary>A source of images to a dataset: plan shards, work on a window of them, close. A run of the instance is <see cref="ShardsPerRun"/> shards.</summary>
public sealed class CurateDataset : IWorkflow<CurateRequest, CurateSummary>
{
    private const int ShardsPerRun = 128;

    /// <inheritdoc/>
    public async Task<CurateSummary> Run(IWorkflowContext context, CurateRequest request)
    {
        var at = request.Cursor ?? new CurateCursor(await context.Call(Steps.PlanShards, request, GenerateImages.Patience), 0, ItemCounts.None);
        var (plan, done) = (at.Plan, at.Done);
        var isLast = at.Shard >= plan.Shards;
        context.SetStatus(new RunStatus($"{request.Dataset}/{request.Version}", isLast ? "report" : "examine", done.Succeeded + done.Rejected, plan.Items, done.Rejected));
        if (isLast)
            return await context.Call(Steps.CloseDataset, new CloseDataset(request.Dataset, request.Version, plan.Shards), GenerateImages.Patience);

        var shards = Enumerable.Range(at.Shard, Math.Min(ShardsPerRun, plan.Shards - at.Shard)).ToList();
        var counts = await context.ForEach(shards, request.Pace.InFlight, shard => context.Call(
            Steps.ExamineShard, new ShardTicket(request.Source, request.Dataset, request.Version, shard), GenerateImages.Patience));

        context.ContinueAsNew(request with { Cursor = at with { Shard = at.Shard + shards.Count, Done = counts.Aggregate(done, (sum, more) => sum.Plus(more)) } });
        return null!;
    }
}
