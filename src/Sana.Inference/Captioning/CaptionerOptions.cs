using Sana.Inference.Runtime;

namespace Sana.Inference.Captioning;

/// <summary>How a captioner's checkpoint is loaded.</summary>
public sealed record CaptionerOptions
{
    /// <value>Where the networks run. Default the processor.</value>
    public Device Device { get; init; } = Device.Cpu;

    /// <value>Threads of one product and of preparing images, 0…1024; 0 takes every core. Default 0.</value>
    public int Threads { get; init; }

    /// <value>Images that are captioned together, 1…256. Their captions depend on it by rounding only. Default 16.</value>
    public int BatchSize { get; init; } = 16;

    /// <exception cref="InferenceException">A value is out of its range.</exception>
    internal void Check()
    {
        if (Threads is < 0 or > 1024)
        {
            throw new InferenceException($"Threads {Threads} is not in 0…1024; use 0 for every core.");
        }

        if (BatchSize is < 1 or > 256)
        {
            throw new InferenceException($"Batch size {BatchSize} is not in 1…256; use 16.");
        }
    }
}
