using Sana.Inference.Runtime;

namespace Sana.Inference.Diffusion;

/// <summary>How a checkpoint is loaded.</summary>
public sealed record PipelineOptions
{
    /// <value>Where the networks run. Default the processor.</value>
    public Device Device { get; init; } = Device.Cpu;

    /// <value>What the diffusion transformer computes in; text encoder and autoencoder stay in float32, which half precision breaks. Default float32.</value>
    public Precision Precision { get; init; } = Precision.Fp32;

    /// <value>Threads of one product, 0…1024; 0 takes every core. Default 0.</value>
    public int Threads { get; init; }

    /// <value>Images of more pixels than this are decoded in tiles of 1,024 pixels, so that memory stays that of a tile (about 2 GB). Default 1,536².</value>
    public int MaxUntiledPixels { get; init; } = 1536 * 1536;

    /// <value>Prompts whose embeddings are kept for the next image of the same prompt, 0…10,000. Default 32.</value>
    public int CachedPrompts { get; init; } = 32;
}

/// <summary>What a network computes in.</summary>
public enum Precision
{
    /// <summary>32-bit float, the only one on a processor that is fast.</summary>
    Fp32,

    /// <summary>IEEE half precision.</summary>
    Fp16,

    /// <summary>The upper half of a 32-bit float.</summary>
    Bf16,
}
