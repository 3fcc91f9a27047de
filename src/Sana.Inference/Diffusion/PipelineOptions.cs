using Sana.Inference.Runtime;

namespace Sana.Inference.Diffusion;

/// <summary>How a checkpoint is loaded.</summary>
public sealed record PipelineOptions
{
    /// <value>Where the networks run. Default the processor.</value>
    public Device Device { get; init; } = Device.Cpu;

    /// <value>What the diffusion transformer computes in. Text encoder and autoencoder always compute in float32: half precision breaks them. Default float32.</value>
    public Precision Precision { get; init; } = Precision.Fp32;

    /// <value>Threads for one node of a network, 0…1024; 0 takes every core. Default 0.</value>
    public int Threads { get; init; }

    /// <value>Images of more pixels than this are decoded in tiles of 1,024 pixels, which needs no more memory than one tile (about 2 GB). Default 1,536².</value>
    public int MaxUntiledPixels { get; init; } = 1536 * 1536;

    /// <value>Prompts whose embeddings are kept for the next image of the same prompt, 0…10,000. Default 32.</value>
    public int CachedPrompts { get; init; } = 32;
}

/// <summary>What a network computes in.</summary>
public enum Precision
{
    /// <summary>32-bit float; on a processor the only fast one.</summary>
    Fp32,

    /// <summary>16-bit IEEE float.</summary>
    Fp16,

    /// <summary>bfloat16: the upper 16 bits of a 32-bit float.</summary>
    Bf16,
}
