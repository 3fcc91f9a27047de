using System.Globalization;
using Microsoft.ML.OnnxRuntime;

namespace Sana.Inference.Runtime;

/// <summary>Where networks run. A device that is not available is an error; there is no fall-back to another.</summary>
public sealed record Device
{
    private const string CudaProvider = "CUDAExecutionProvider";

    private Device(int? cudaIndex) => CudaIndex = cudaIndex;

    /// <summary>The processor, which is always available.</summary>
    public static Device Cpu { get; } = new((int?)null);

    /// <summary>Which CUDA device, from 0; null for the processor.</summary>
    public int? CudaIndex { get; }

    /// <summary>Reads <c>cpu</c>, <c>cuda</c> or <c>cuda:1</c>.</summary>
    /// <exception cref="InferenceException">The text is none of these.</exception>
    public static Device Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.Split(':');
        return parts switch
        {
            ["cpu"] => Cpu,
            ["cuda"] => new Device(0),
            ["cuda", var index] when int.TryParse(index, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n < 64 => new Device(n),
            _ => throw new InferenceException($"Device '{text}' is not known; use cpu, cuda or cuda:N with N from 0 to 63."),
        };
    }

    /// <inheritdoc/>
    public override string ToString() => CudaIndex is { } index ? $"cuda:{index}" : "cpu";

    internal void AppendTo(SessionOptions options)
    {
        if (CudaIndex is not { } index)
            return;

        var available = OrtEnv.Instance().GetAvailableProviders();
        if (!available.Contains(CudaProvider, StringComparer.Ordinal))
        {
            throw new InferenceException(
                $"Device {this} is not there: this build of ONNX Runtime has {string.Join(", ", available)}. Use --device cpu, or a host with the GPU package.");
        }

        try
        {
            options.AppendExecutionProvider_CUDA(index);
        }
        catch (OnnxRuntimeException exception)
        {
            throw new InferenceException($"Device {this} cannot be used: {exception.Message} Check the driver, CUDA 12 and cuDNN 9, or use --device cpu.", exception);
        }
    }
}
