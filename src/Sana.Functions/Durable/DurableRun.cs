using System.Text.Json;
using Microsoft.DurableTask;
using Sana.Workflows;
using Sana.Workflows.Contract;

namespace Sana.Functions.Durable;

/// <summary>One execution of an orchestration: from Durable's input to a workflow's, and back with its output.</summary>
internal static class DurableRun
{
    public static Task<JsonElement> Of<TIn, TOut>(TaskOrchestrationContext durable, JsonElement given, IWorkflow<TIn, TOut> workflow) =>
        Of(durable, given, async (context, input) => WorkflowJson.Write(await workflow.Run(context, WorkflowJson.Read<TIn>(input))));

    public static async Task<JsonElement> Of(TaskOrchestrationContext durable, JsonElement given, WorkflowBody body)
    {
        var (input, note) = ContinuedInput.Open(given);
        try
        {
            return Json.Parse(await body(new DurableWorkflowContext(durable, note), input));
        }
        catch (WorkflowCanceledException canceled)
        {
            throw new CanceledRunException(canceled.Reason);
        }
        catch (OperationCanceledException error)
        {
            throw new WorkflowException(error.Message, error);
        }
    }
}

/// <summary>
/// A workflow ended because it was asked to. Durable knows only failures, and of those none that is an <see cref="OperationCanceledException"/>: a task that ends so is canceled, not failed.
/// </summary>
internal sealed class CanceledRunException(string reason) : Exception(reason)
{
    public static readonly string Name = typeof(CanceledRunException).FullName!;

    /// <summary>An error's type in the words of the contract.</summary>
    public static string ContractName(string errorType) => errorType == Name ? typeof(WorkflowCanceledException).FullName! : errorType;
}
