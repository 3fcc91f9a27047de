namespace Sana.GraphBuilder;

/// <summary>A checkpoint cannot be used. The message names the file, the tensor or key, what was found, what was expected and the fix.</summary>
public sealed class CheckpointException : Exception
{
    /// <summary>Creates the exception with its one-sentence message.</summary>
    public CheckpointException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its one-sentence message and what caused it.</summary>
    public CheckpointException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
