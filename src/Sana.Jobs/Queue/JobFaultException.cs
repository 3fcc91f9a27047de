namespace Sana.Jobs.Queue;

/// <summary>A job cannot be done, or not now. <see cref="Reason"/> decides what becomes of its message.</summary>
public sealed class JobFaultException : Exception
{
    /// <summary>Creates the exception with one of <see cref="Queue.FaultReason"/> and a sentence.</summary>
    public JobFaultException(string reason, string message, Exception? innerException = null)
        : base(message, innerException) => Reason = reason;

    /// <summary>One of <see cref="Queue.FaultReason"/>.</summary>
    public string Reason { get; }
}
