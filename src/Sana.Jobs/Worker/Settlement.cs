using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using Sana.Inference;
using Sana.Jobs.Queue;

namespace Sana.Jobs.Worker;

/// <summary>What is to be done with a message that was looked at.</summary>
/// <param name="Kind">Complete, abandon or dead-letter it.</param>
/// <param name="Delay">A returned one is not seen again before.</param>
/// <param name="Reason">Of a dead letter, or of the attempt that failed.</param>
/// <param name="Message">One sentence.</param>
public sealed record Settlement(SettlementKind Kind, TimeSpan Delay = default, string? Reason = null, string? Message = null)
{
    /// <value>A returned one is seen again when nothing else waits. Default false.</value>
    public bool GoesLast { get; init; }

    /// <summary>What the queue is told with a return.</summary>
    public ReturnNote Note => new(Reason, Message, GoesLast);
}

/// <summary>The three ends of a delivery.</summary>
public enum SettlementKind
{
    /// <summary>Done, now or before.</summary>
    Complete,

    /// <summary>Not now.</summary>
    Abandon,

    /// <summary>Never.</summary>
    DeadLetter,
}

/// <summary>What went wrong with an attempt: one of the codes of <see cref="FaultReason"/>, which decides what is done.</summary>
internal sealed record JobFault(string Reason, string Message)
{
    /// <summary>Another attempt may end otherwise.</summary>
    public bool IsRetryable => Reason is not (FaultReason.BadInput or FaultReason.Policy or FaultReason.ModelMismatch);

    public static JobFault FromException(Exception error) => error switch
    {
        JobFaultException fault => new JobFault(fault.Reason, fault.Message),
        InferenceException or JsonException => new JobFault(FaultReason.BadInput, error.Message),
        OutOfMemoryException => new JobFault(FaultReason.OutOfMemory, "The process ran out of memory."),
        OnnxRuntimeException when IsOutOfMemory(error.Message) => new JobFault(FaultReason.OutOfMemory, Line(error)),
        SanaException or IOException or UnauthorizedAccessException or HttpRequestException => new JobFault(FaultReason.TransientIo, Line(error)),
        AggregateException { InnerExceptions: [var first, ..] } => FromException(first),
        // The runtime, a driver, or a bug: the networks are loaded again before the next message.
        _ => new JobFault(FaultReason.EngineDead, $"{error.GetType().Name}: {Line(error)}"),
    };

    /// <summary>Of what happened before anything was rendered: an error that the same message causes each time.</summary>
    public static JobFault OfReading(Exception error) => error
        is ArgumentException or FormatException or ArithmeticException or InvalidCastException or NullReferenceException or NotSupportedException or IndexOutOfRangeException
        ? new JobFault(FaultReason.BadInput, $"The message cannot be read: {error.GetType().Name}: {Line(error)}")
        : FromException(error);

    /// <summary>The disk, or a quota or limit of this user, has no room.</summary>
    public static bool IsFullDisk(Exception error)
    {
        // ENOSPC, EDQUOT, EFBIG.
        for (var cause = error; cause is not null; cause = cause.InnerException)
        {
            if (cause is IOException && cause.HResult is 28 or 122 or 27)
                return true;
        }

        return false;
    }

    // What ONNX Runtime's arenas, CUDA and the C++ library say.
    private static bool IsOutOfMemory(string message) =>
        message.Contains("Failed to allocate memory", StringComparison.OrdinalIgnoreCase)
        || message.Contains("out of memory", StringComparison.OrdinalIgnoreCase)
        || message.Contains("bad_alloc", StringComparison.OrdinalIgnoreCase)
        || message.Contains("CUDA_ERROR_OUT_OF_MEMORY", StringComparison.OrdinalIgnoreCase);

    private static string Line(Exception error) => error.Message.ReplaceLineEndings(" ");
}
