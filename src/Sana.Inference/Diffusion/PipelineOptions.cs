using Sana.Inference.Runtime;

namespace Sana.Inference.Diffusion;

/// <summary>How a checkpoint is loaded.</summary>
public sealed record PipelineOptions
{
    /// <value>Where the networks run. Default the processor.</value>
    public Device Device { get; init; } = Device.Cpu;

    /// <value>What the networks compute in. The graphs of that precision must be there. Default <see cref="Precision.Auto"/>.</value>
    public Precision Precision { get; init; }

    /// <value>Threads for one node of a network, 0…1024; 0 takes every core. Default 0.</value>
    public int Threads { get; init; }

    /// <value>Images of more pixels than this are decoded in tiles of 1,024 pixels, which needs no more memory than one tile (about 2 GB). Default 1,536².</value>
    public int MaxUntiledPixels { get; init; } = 1536 * 1536;

    /// <value>Prompts whose embeddings are kept for the next image of the same prompt, 0…10,000. Default 32.</value>
    public int CachedPrompts { get; init; } = 32;

    /// <value>The graph of another decoder than the checkpoint's own. Default none.</value>
    public OtherDecoder? Decoder { get; init; }

    /// <value>Adapters that images may be asked for with. Default none.</value>
    public IReadOnlyList<Adapter> Adapters { get; init; } = [];

    /// <value>Control networks that images may be asked for with. Default none.</value>
    public IReadOnlyList<ControlNetwork> Controls { get; init; } = [];

    /// <value>
    /// Builds the graphs that take adapters, perturbed attention and what a control network adds, before they are loaded the first time. They are loaded at once where there are adapters or control
    /// networks, and otherwise in place of the plain ones when an image first needs them; images that need none of it are the same on both. Default: they are there.
    /// </value>
    public Action? Extend { get; init; }

    /// <value>Builds the graph of the autoencoder's encoder, <c>vae/encoder.onnx</c>, before it is loaded the first time: when an image begins from an image, or a control network reads one. Default: it is there.</value>
    public Action? BuildEncoder { get; init; }

    /// <value>Builds the graph of the text encoder's head, <c>text_encoder/head.onnx</c>, before it is loaded the first time: when a prompt is enhanced. Default: it is there.</value>
    public Action? BuildHead { get; init; }

    // Tests run half precision on the processor, whose kernels widen float16.
    internal bool AllowsHalfOnProcessor { get; init; }
}

/// <summary>A decoder in the place of a checkpoint's own.</summary>
/// <param name="Name">Of its checkpoint.</param>
/// <param name="Fingerprint">Of its checkpoint: images are others, so it is part of the pipeline's.</param>
/// <param name="Graph">Full path of its graph.</param>
public sealed record OtherDecoder(string Name, string Fingerprint, string Graph);
