using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Requests;
using Sana.Jobs.Schedules;

namespace Sana.Functions;

/// <summary>
/// The activities: one line each, the registry that both hosts fill says what each does. The class is public because the worker calls functions of one that is not
/// by reflection, and then the type of what an activity threw does not reach its orchestration.
/// </summary>
/// <param name="services">Those of the app; taken as they are because the parts behind them are internal.</param>
public sealed class ActivityFunctions(IServiceProvider services)
{
    [Function(nameof(PlanImages))]
    public Task<PlanSummary> PlanImages([ActivityTrigger] GenerateRequest input, FunctionContext context) => Run(GenerateActivities.PlanImages, input, context);

    [Function(nameof(OpenBatches))]
    public Task<IReadOnlyList<string>> OpenBatches([ActivityTrigger] ChunkQuery input, FunctionContext context) => Run(GenerateActivities.OpenBatches, input, context);

    [Function(nameof(SendBatch))]
    public Task<bool> SendBatch([ActivityTrigger] BatchTicket input, FunctionContext context) => Run(GenerateActivities.SendBatch, input, context);

    [Function(nameof(GiveUpBatch))]
    public Task<bool> GiveUpBatch([ActivityTrigger] BatchLost input, FunctionContext context) => Run(GenerateActivities.GiveUpBatch, input, context);

    [Function(nameof(ReportChunk))]
    public Task<ItemCounts> ReportChunk([ActivityTrigger] ChunkReport input, FunctionContext context) => Run(GenerateActivities.ReportChunk, input, context);

    [Function(nameof(CloseRun))]
    public Task<GenerateSummary> CloseRun([ActivityTrigger] CloseRun input, FunctionContext context) => Run(GenerateActivities.CloseRun, input, context);

    [Function(nameof(PlanShards))]
    public Task<DatasetPlan> PlanShards([ActivityTrigger] CurateRequest input, FunctionContext context) => Run(CurateActivities.PlanShards, input, context);

    [Function(nameof(IngestShard))]
    public Task<ItemCounts> IngestShard([ActivityTrigger] ShardTicket input, FunctionContext context) => Run(CurateActivities.IngestShard, input, context);

    [Function(nameof(LinkDuplicates))]
    public Task<ItemCounts> LinkDuplicates([ActivityTrigger] DatasetTicket input, FunctionContext context) => Run(CurateActivities.LinkDuplicates, input, context);

    [Function(nameof(CaptionShard))]
    public Task<ItemCounts> CaptionShard([ActivityTrigger] CaptionTicket input, FunctionContext context) => Run(CurateActivities.CaptionShard, input, context);

    [Function(nameof(ScoreShard))]
    public Task<ItemCounts> ScoreShard([ActivityTrigger] ShardTicket input, FunctionContext context) => Run(CurateActivities.ScoreShard, input, context);

    [Function(nameof(WriteShard))]
    public Task<ItemCounts> WriteShard([ActivityTrigger] ShardTicket input, FunctionContext context) => Run(CurateActivities.WriteShard, input, context);

    [Function(nameof(CloseDataset))]
    public Task<CurateSummary> CloseDataset([ActivityTrigger] DatasetTicket input, FunctionContext context) => Run(CurateActivities.CloseDataset, input, context);

    [Function(nameof(SendJob))]
    public Task<bool> SendJob([ActivityTrigger] JobSend input, FunctionContext context) => Run(RequestedJobs.SendJob, input, context);

    [Function(nameof(ReadJobEnd))]
    public Task<JobEnd?> ReadJobEnd([ActivityTrigger] string input, FunctionContext context) => Run(RequestedJobs.ReadJobEnd, input, context);

    [Function(nameof(GiveUpJob))]
    public Task<JobEnd> GiveUpJob([ActivityTrigger] JobGivenUp input, FunctionContext context) => Run(RequestedJobs.GiveUpJob, input, context);

    [Function(nameof(StartDelivery))]
    public Task<bool> StartDelivery([ActivityTrigger] WebhookMessage input, [DurableClient] DurableTaskClient durable, FunctionContext context) =>
        Run(RequestedJobs.StartDelivery, input, context, durable);

    [Function(nameof(PostWebhook))]
    public Task<bool> PostWebhook([ActivityTrigger] WebhookMessage input, FunctionContext context) => Run(RequestedJobs.PostWebhook, input, context);

    [Function(nameof(CheckLines))]
    public Task<BatchFileCheck> CheckLines([ActivityTrigger] BatchFileRequest input, FunctionContext context) => Run(BatchFiles.CheckLines, input, context);

    [Function(nameof(OpenLines))]
    public Task<IReadOnlyList<JobTicket>> OpenLines([ActivityTrigger] BatchFileRequest input, FunctionContext context) => Run(BatchFiles.OpenLines, input, context);

    [Function(nameof(ReportLines))]
    public Task<ItemCounts> ReportLines([ActivityTrigger] BatchFileRequest input, FunctionContext context) => Run(BatchFiles.ReportLines, input, context);

    [Function(nameof(WriteBatchFiles))]
    public Task<BatchFileOutputs> WriteBatchFiles([ActivityTrigger] BatchFileRequest input, FunctionContext context) => Run(BatchFiles.WriteBatchFiles, input, context);

    [Function(nameof(NextTick))]
    public Task<DateTime?> NextTick([ActivityTrigger] NextTick input, FunctionContext context) => Run(ScheduleActivities.NextTick, input, context);

    [Function(nameof(StartScheduledRun))]
    public Task<string?> StartScheduledRun([ActivityTrigger] Tick input, [DurableClient] DurableTaskClient durable, FunctionContext context) =>
        Run(ScheduleActivities.StartScheduledRun, input, context, durable);

    private async Task<TOut> Run<TIn, TOut>(Activity<TIn, TOut> activity, TIn input, FunctionContext context, DurableTaskClient? durable = null)
    {
        if (durable is not null)
            services.GetRequiredService<DurableClientHolder>().Use(durable);
        var host = await services.GetRequiredService<AppJobs>().Get(context.CancellationToken);
        return await host.Tasks.Find(activity)(input, context.CancellationToken);
    }
}
