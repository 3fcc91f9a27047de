namespace Sana.Workflows;

/// <summary>A job cannot start or go on because of something outside: a place, a prompt file, a disk. The message is one sentence that names the fix.</summary>
public class WorkflowException : Exception
{
    /// <summary>Creates the exception with its one-sentence message.</summary>
    public WorkflowException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its one-sentence message and what caused it.</summary>
    public WorkflowException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
