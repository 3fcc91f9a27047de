using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using Sana.Inference;
using Sana.Jobs.Queue;

namespace Sana.Jobs.Rendering;

/// <summary>What went wrong with an attempt, in one of the seven words that decide what is done about it.</summary>
internal sealed record Fault(string Reason, string Message)
{
    /// <summary>Another attempt may end otherwise.</summary>
    public bool IsRetryable => Reason is not (FaultReason.BadInput or FaultReason.Policy);

    public static Fault Of(Exception error) => error switch
    {
        JobFaultException fault => new Fault(fault.Reason, fault.Message),
        InferenceException or JsonException => new Fault(FaultReason.BadInput, error.Message),
        OutOfMemoryException => new Fault(FaultReason.OutOfMemory, "The process ran out of memory."),
        OnnxRuntimeException when IsOutOfMemory(error.Message) => new Fault(FaultReason.OutOfMemory, Line(error)),
        SanaException or IOException or UnauthorizedAccessException or HttpRequestException => new Fault(FaultReason.TransientIo, Line(error)),
        AggregateException { InnerExceptions: [var first, ..] } => Of(first),
        // The runtime, a driver, or a mistake of ours: whoever rendered this is not to be trusted with the next.
        _ => new Fault(FaultReason.EngineDead, $"{error.GetType().Name}: {Line(error)}"),
    };

    // What ONNX Runtime's arenas, CUDA and the C++ library say.
    private static bool IsOutOfMemory(string message) =>
        message.Contains("Failed to allocate memory", StringComparison.OrdinalIgnoreCase)
        || message.Contains("out of memory", StringComparison.OrdinalIgnoreCase)
        || message.Contains("bad_alloc", StringComparison.OrdinalIgnoreCase)
        || message.Contains("CUDA_ERROR_OUT_OF_MEMORY", StringComparison.OrdinalIgnoreCase);

    private static string Line(Exception error) => error.Message.ReplaceLineEndings(" ");
}
