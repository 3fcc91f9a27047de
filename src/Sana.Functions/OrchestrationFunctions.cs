using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Sana.Jobs.Curation;
using Sana.Jobs.Generation;
using Sana.Jobs.Requests;
using Sana.Jobs.Schedules;

namespace Sana.Functions;

/// <summary>The orchestrations: one line each, the host knows functions by their attributes only.</summary>
public static class OrchestrationFunctions
{
    [Function(nameof(CurateDataset))]
    public static Task<CurateSummary> CurateDataset([OrchestrationTrigger] TaskOrchestrationContext context, CurateRequest input) => new CurateDataset().RunAsync(context, input);

    [Function(nameof(DeliverWebhook))]
    public static Task<bool> DeliverWebhook([OrchestrationTrigger] TaskOrchestrationContext context, WebhookMessage input) => new DeliverWebhook().RunAsync(context, input);

    [Function(nameof(GenerateImages))]
    public static Task<GenerateSummary> GenerateImages([OrchestrationTrigger] TaskOrchestrationContext context, GenerateRequest input) => new GenerateImages().RunAsync(context, input);

    [Function(nameof(RunBatchFile))]
    public static Task<BatchFileState> RunBatchFile([OrchestrationTrigger] TaskOrchestrationContext context, BatchFileRequest input) => new RunBatchFile().RunAsync(context, input);

    [Function(nameof(RunJob))]
    public static Task<JobEnd> RunJob([OrchestrationTrigger] TaskOrchestrationContext context, JobTicket input) => new RunJob().RunAsync(context, input);

    [Function(nameof(RunSchedule))]
    public static Task<bool> RunSchedule([OrchestrationTrigger] TaskOrchestrationContext context, ScheduleState input) => new RunSchedule().RunAsync(context, input);
}
