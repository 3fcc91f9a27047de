namespace Sana;

/// <summary>A job cannot start or go on because of something outside: a place, a prompt file, a disk. The message is one sentence that names the fix.</summary>
public class SanaException : Exception
{
    /// <summary>Creates the exception with its one-sentence message.</summary>
    public SanaException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its one-sentence message and what caused it.</summary>
    public SanaException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>What was asked for cannot be done, and no further attempt cures that: steps that throw it are not tried again.</summary>
public sealed class UnusableJobException(string message) : SanaException(message)
{
    /// <summary>Its name in retry policies.</summary>
    public const string Name = "Sana.UnusableJobException";
}
