using System.Diagnostics.CodeAnalysis;
using Sana.Inference.Runtime;

namespace Sana.Inference.Diffusion;

/// <summary>What the networks of a checkpoint compute in. Inputs and outputs, the solver, and the autoencoder are float32 in all of them.</summary>
[SuppressMessage("Naming", "CA1720", Justification = "The name that the field gives it.")]
public enum Precision
{
    /// <summary>Mixed on a GPU, float32 on a processor: what changes images is asked for.</summary>
    Auto,

    /// <summary>Everything in 32-bit float.</summary>
    Float32,

    /// <summary>For processors: text encoder and transformer, and the layers of captioners and scorers, multiply integers of eight bits, activations with a scale for each token, weights with a scale for each output channel.</summary>
    W8A8,

    /// <summary>For GPUs: the transformer in float16 or bfloat16, whichever it was trained in, and the text encoder in bfloat16; sums over many tokens and norms in float32.</summary>
    Mixed,
}

/// <summary>Precisions as options, settings and records name them.</summary>
public static class PrecisionName
{
    /// <summary>The names, in the order of the values.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Enum.GetValues<Precision>().Select(Word)];

    /// <summary>Reads <c>auto</c>, <c>float32</c>, <c>w8a8</c> or <c>mixed</c>.</summary>
    /// <exception cref="InferenceException">The text is none of these.</exception>
    public static Precision Parse(string text)
    {
        foreach (var precision in Enum.GetValues<Precision>())
        {
            if (precision.Word() == text)
                return precision;
        }

        throw new InferenceException($"Precision '{text}' is not known; use {string.Join(", ", All.SkipLast(1))} or {All[^1]}.");
    }

    /// <summary>The name.</summary>
    public static string Word(this Precision precision) => precision.ToString().ToLowerInvariant();

    /// <summary>The precisions of captioners and scorers, the default first.</summary>
    public static IReadOnlyList<string> OfCuration { get; } = [Precision.Float32.Word(), Precision.W8A8.Word()];

    /// <summary>What captioners and scorers compute in on a device.</summary>
    /// <exception cref="InferenceException">They have no graphs in this precision, or the device has no kernels for it.</exception>
    internal static Precision OfCurationOn(this Precision precision, Device device) => precision is Precision.Float32 or Precision.W8A8
        ? precision.On(device)
        : throw new InferenceException($"Captioners and scorers have no graphs in precision {precision.Word()}; use {OfCuration[0]} or {OfCuration[1]}.");

    /// <summary>File of a graph in a precision.</summary>
    internal static string FileOf(this Precision precision, string graph, bool extended = false) =>
        $"{graph}{(precision == Precision.Float32 ? "" : $".{precision.Word()}")}{(extended ? ".extended" : "")}.onnx";

    // Without these instructions ONNX Runtime multiplies unsigned by signed bytes in sums of 16 bits, which saturate.
    private static bool HasIntegerProducts { get; } = File.ReadLines("/proc/cpuinfo")
        .FirstOrDefault(line => line.StartsWith("flags", StringComparison.Ordinal))?.Split(' ').Any(flag => flag is "avx512_vnni" or "avx_vnni") ?? false;

    /// <summary>What a device computes in: <see cref="Precision.Auto"/> is mixed on a GPU and float32 on a processor.</summary>
    /// <exception cref="InferenceException">The device has no kernels for the precision.</exception>
    public static Precision On(this Precision precision, Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return (precision, device.CudaIndex is not null) switch
        {
            (Precision.Auto, true) => Precision.Mixed,
            (Precision.Auto, false) => Precision.Float32,
            (Precision.W8A8, true) => throw new InferenceException($"Precision w8a8 runs on the processor only, not on {device}; use mixed or float32 there, or --device cpu."),
            (Precision.W8A8, false) when !HasIntegerProducts => throw new InferenceException("Precision w8a8 needs a processor with avx512_vnni or avx_vnni: the integer products of others overflow. Use float32."),
            (Precision.Mixed, false) => throw new InferenceException("Precision mixed does not run on the processor, for which ONNX Runtime has no bfloat16 kernels; use float32 or w8a8, or --device cuda."),
            _ => precision,
        };
    }
}
