namespace Sana.Local.Engine;

/// <summary>The journal cannot be used: another process owns it, the disk is full, the file is not a journal. The message says what to do.</summary>
public sealed class EngineException : Exception
{
    /// <summary>Creates the exception with its one-sentence message.</summary>
    public EngineException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its one-sentence message and what caused it.</summary>
    public EngineException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
