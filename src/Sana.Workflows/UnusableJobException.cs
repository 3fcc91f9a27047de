namespace Sana.Workflows;

/// <summary>What was asked for cannot be done, and no further attempt cures that: steps that throw it are not tried again.</summary>
internal sealed class UnusableJobException(string message) : WorkflowException(message)
{
    /// <summary>Its name in retry policies.</summary>
    public const string Name = "Sana.Workflows.UnusableJobException";
}
