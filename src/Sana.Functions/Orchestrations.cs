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
    public static Task<JsonElement> Curate([OrchestrationTrigger] TaskOrchestrationContext context, JsonElement input) => DurableRun.Of(context, input, new CurateDataset());

    [Function("DeliverWebhook")]
    public static Task<JsonElement> Deliver([OrchestrationTrigger] TaskOrchestrationContext context, JsonElement input) => DurableRun.Of(context, input, new DeliverWebhook());

    [Function("GenerateImages")]
    public static Task<JsonElement> Generate([OrchestrationTrigger] TaskOrchestrationContext context, JsonElement input) => DurableRun.Of(context, input, new GenerateImages());

    [Function("KeepSchedule")]
    public static Task<JsonElement> Keep([OrchestrationTrigger] TaskOrchestrationContext context, JsonElement input) => DurableRun.Of(context, input, new KeepSchedule());

    [Function("RunJob")]
    public static Task<JsonElement> Run([OrchestrationTrigger] TaskOrchestrationContext context, JsonElement input) => DurableRun.Of(context, input, new RunJob());
}
