using Microsoft.DurableTask.Client;
using Sana.Workflows.Contract;

namespace Sana.Functions.Durable;

/// <summary>From what Durable knows of an instance to what the contract says of one.</summary>
internal static class Instances
{
    private const char Child = '/';

    /// <summary>How ids of an instance's children begin: every workflow names them <c>{parent}/{work}</c>.</summary>
    public static string ChildrenOf(string id) => id + Child;

    public static bool IsChild(string id) => id.Contains(Child, StringComparison.Ordinal);

    public static WorkflowInstance Read(OrchestrationMetadata found, string id)
    {
        var (failure, note) = (found.FailureDetails, RunNote.Read(found.SerializedCustomStatus));
        var isCanceled = found.RuntimeStatus == OrchestrationRuntimeStatus.Failed && failure?.ErrorType == CanceledRunException.Name;
        var isTerminated = found.RuntimeStatus == OrchestrationRuntimeStatus.Terminated;
        return new WorkflowInstance
        {
            Id = id,
            Workflow = TaskNames.Workflow(found.Name),
            Status = isCanceled ? WorkflowStatus.Canceled : StatusOf(found.RuntimeStatus),
            Input = found.SerializedInput is { } input ? ContinuedInput.Open(Json.Parse(input)).Input : "null",
            Output = found.RuntimeStatus == OrchestrationRuntimeStatus.Completed ? found.SerializedOutput ?? "null" : null,
            ErrorType = isTerminated ? "Terminated" : failure is null ? null : CanceledRunException.ContractName(failure.ErrorType),
            Error = isTerminated ? Reason(found.SerializedOutput) : failure?.ErrorMessage,
            CustomStatus = note.Status is { } status ? Json.Text(status) : null,
            ParentId = IsChild(id) ? id[..id.LastIndexOf(Child)] : null,
            Created = found.CreatedAt.UtcDateTime,
            Updated = found.LastUpdatedAt.UtcDateTime,
            Runs = note.Runs,
            StepsDone = note.Done,
            StepsFailed = note.Failed,
        };
    }

    public static OrchestrationRuntimeStatus StatusOf(WorkflowStatus status) => status switch
    {
        WorkflowStatus.Running or WorkflowStatus.Refused => OrchestrationRuntimeStatus.Running,
        WorkflowStatus.Suspended => OrchestrationRuntimeStatus.Suspended,
        WorkflowStatus.Completed => OrchestrationRuntimeStatus.Completed,
        WorkflowStatus.Terminated => OrchestrationRuntimeStatus.Terminated,
        _ => OrchestrationRuntimeStatus.Failed,
    };

    private static WorkflowStatus StatusOf(OrchestrationRuntimeStatus status) => status switch
    {
        OrchestrationRuntimeStatus.Completed => WorkflowStatus.Completed,
        OrchestrationRuntimeStatus.Failed => WorkflowStatus.Failed,
        OrchestrationRuntimeStatus.Terminated => WorkflowStatus.Terminated,
        OrchestrationRuntimeStatus.Suspended => WorkflowStatus.Suspended,
        _ => WorkflowStatus.Running,
    };

    private static string Reason(string? output) => output is ['"', ..] ? WorkflowJson.Read<string>(output) : output ?? "";
}
