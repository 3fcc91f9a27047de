namespace Sana.Inference;

/// <summary>Something from outside cannot be used: a request, a checkpoint file, a device. The message names the value, the limit and the fix.</summary>
public sealed class InferenceException : Exception
{
    /// <summary>Creates the exception with its one-sentence message.</summary>
    public InferenceException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its one-sentence message and what caused it.</summary>
    public InferenceException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
