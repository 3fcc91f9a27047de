using Sana.Curation.Captioning.Config;
using Sana.Inference.Captioning;
using Sana.Inference.Runtime;

namespace Sana.Curation.Captioning;

/// <summary>How a captioner runs here.</summary>
public sealed record OnnxCaptionerOptions
{
    /// <summary>What a configuration asks for.</summary>
    /// <param name="config">Of the kind <c>onnx</c>; its decoding holds where it says more than the checkpoint.</param>
    /// <param name="device">Where the networks run.</param>
    public static OnnxCaptionerOptions Of(CaptionerConfig config, Device device)
    {
        ArgumentNullException.ThrowIfNull(config);
        return new OnnxCaptionerOptions
        {
            Label = config.Label,
            Licence = config.Licence,
            Device = device,
            BatchSize = config.Concurrency,
            Generation = new GenerationOptions
            {
                // What endpoints are given by default says nothing of a network's own limit.
                MaxTokens = config.Decoding.MaxTokens == new Decoding().MaxTokens ? null : config.Decoding.MaxTokens,
                Temperature = config.Decoding.Temperature,
                TopP = config.Decoding.TopP ?? 1,
                RepetitionPenalty = config.Decoding.RepetitionPenalty ?? 1,
                Seed = (ulong)(config.Decoding.Seed ?? 0),
            },
        };
    }

    /// <value>Its id in shards and sidecars: ASCII letters, digits, hyphens and underscores, no dots, 1…64.</value>
    public required string Label { get; init; }

    /// <value>Of the model's captions; null when nobody said.</value>
    public string? Licence { get; init; }

    /// <value>Where the networks run. Default the processor.</value>
    public Device Device { get; init; } = Device.Cpu;

    /// <value>Threads of one product, 0…1024; 0 takes every core. Default 0.</value>
    public int Threads { get; init; }

    /// <value>Images that are captioned together, and asks in flight at once, 1…256. Default 16.</value>
    public int BatchSize { get; init; } = 16;

    /// <value>How tokens are chosen at first. Default: the likeliest each time, as many as the checkpoint says.</value>
    public GenerationOptions Generation { get; init; } = new();

    /// <value>Temperature of a repair, 0…10. Default 0.7.</value>
    public double RepairTemperature { get; init; } = 0.7;

    /// <value>Top p of a repair, above 0 to 1. Default 0.9.</value>
    public double RepairTopP { get; init; } = 0.9;

    /// <value>Repetition penalty of a repair, 0.1…10. Default 1.3.</value>
    public double RepairRepetitionPenalty { get; init; } = 1.3;
}
