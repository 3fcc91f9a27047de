namespace DurableTask.Sqlite;

/// <summary>The journal cannot be used: another process owns it, the disk is full, the file is not a journal. The message says what to do.</summary>
public sealed class JournalException : Exception
{
    /// <summary>Creates the exception with its one-sentence message.</summary>
    public JournalException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its one-sentence message and its cause.</summary>
    public JournalException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>The code in this program does not fit the recorded history of an instance, or is missing. The instance is unchanged and goes on in a program that has its code.</summary>
public sealed class OrchestrationRefusedException : Exception
{
    /// <summary>Creates the exception with the sentence that says why.</summary>
    public OrchestrationRefusedException(string message)
        : base(message)
    {
    }
}
