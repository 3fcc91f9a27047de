using System.Text.Json;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Sana.Functions.Durable;
using Sana.Workflows.Orchestrations;

namespace Sana.Functions;

/// <summary>The orchestrations: one line each, the host knows functions by their attributes only.</summary>
public static class Orchestrations
{
    [Function("CurateDataset")]
    public static Task<JsonElement> Curate([OrchestrationTrigger] TaskOrchestrationContext context) => DurableRun.Of(context, new CurateDataset());

    [Function("DeliverWebhook")]
    public static Task<JsonElement> Deliver([OrchestrationTrigger] TaskOrchestrationContext context) => DurableRun.Of(context, new DeliverWebhook());

    [Function("GenerateImages")]
    public static Task<JsonElement> Generate([OrchestrationTrigger] TaskOrchestrationContext context) => DurableRun.Of(context, new GenerateImages());

    [Function("KeepSchedule")]
    public static Task<JsonElement> Keep([OrchestrationTrigger] TaskOrchestrationContext context) => DurableRun.Of(context, new KeepSchedule());

    [Function("RunJob")]
    public static Task<JsonElement> Run([OrchestrationTrigger] TaskOrchestrationContext context) => DurableRun.Of(context, new RunJob());
}
