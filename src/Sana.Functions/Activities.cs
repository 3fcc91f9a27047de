using System.Text.Json;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Sana.Functions.Durable;
using Sana.Functions.Hosting;
using Sana.Workflows;

namespace Sana.Functions;

/// <summary>One activity for every step: a new step needs no function, and the registry that both hosts fill says what it does.</summary>
internal sealed class Activities(Wiring wiring, EngineSlot engine)
{
    [Function(TaskNames.RunStep)]
    public async Task<JsonElement> Run([ActivityTrigger] StepCall call, [DurableClient] DurableTaskClient durable, FunctionContext context)
    {
        engine.Use(durable);
        var host = await wiring.Get(context.CancellationToken);
        var step = host.Registry.FindStep(call.Step) ?? throw new WorkflowException($"This app has no step {call.Step}: it is of another version than the app that called it.");
        return Json.Parse(await step(Json.Text(call.Input), context.CancellationToken));
    }
}
