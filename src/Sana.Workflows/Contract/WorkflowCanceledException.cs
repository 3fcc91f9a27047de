namespace Sana.Workflows.Contract;

/// <summary>Somebody asked the instance to stop. Everything it was waiting for ends with this exception, once.</summary>
/// <remarks>A workflow may catch it, call steps that clean up or write a report, and throw it again; an instance that ends with it is Canceled.</remarks>
public sealed class WorkflowCanceledException : OperationCanceledException
{
    /// <summary>Creates the exception with the reason that was given.</summary>
    public WorkflowCanceledException(string reason)
        : base($"The workflow was canceled: {reason}") => Reason = reason;

    /// <summary>Why, in the words of whoever asked.</summary>
    public string Reason { get; }
}
