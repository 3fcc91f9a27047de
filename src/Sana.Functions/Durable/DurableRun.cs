using System.Text.Json;
using Microsoft.DurableTask;
using Sana.Workflows.Contract;

namespace Sana.Functions.Durable;

/// <summary>One execution of an orchestration: from Durable's input to a workflow's, and back with its output.</summary>
internal static class DurableRun
{
    public static Task<JsonElement> Of<TIn, TOut>(TaskOrchestrationContext durable, IWorkflow<TIn, TOut> workflow) =>
        Of(durable, async (context, input) => WorkflowJson.Write(await workflow.Run(context, WorkflowJson.Read<TIn>(input))));

    public static async Task<JsonElement> Of(TaskOrchestrationContext durable, WorkflowBody body)
    {
        var (input, note) = ContinuedInput.Open(durable.GetInput<JsonElement>());
        return Json.Parse(await body(new DurableWorkflowContext(durable, note), input));
    }
}
