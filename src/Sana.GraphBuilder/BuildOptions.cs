using System.Diagnostics.CodeAnalysis;
using Sana.GraphBuilder.Onnx;

namespace Sana.GraphBuilder;

/// <summary>How graphs are built.</summary>
public sealed record BuildOptions
{
    /// <value>Build again even if the graphs that are there belong to these files. Default false.</value>
    public bool Force { get; init; }

    /// <value>Which set of weights, as in <c>fp16</c>, where a folder has several. Default: the plain one, or the only one.</value>
    public string? Variant { get; init; }

    /// <value>Whether the self-attention output is cut to the half-precision range. Default: decided from the checkpoint.</value>
    public Clamp Clamp { get; init; }

    /// <value>Whether tensors that the config has no use for are left alone; else they are refused. Default false; kept from the last build.</value>
    public bool IgnoreUnusedTensors { get; init; }

    /// <value>
    /// Folder for the graphs of all checkpoints, each in a folder of its own. Default: beside the weights; where that cannot be written, <c>SANA_GRAPHS</c>, or
    /// <c>sana/graphs</c> in the user's cache.
    /// </value>
    public string? Graphs { get; init; }

    /// <value>What the graphs compute in; those of float32 are always built beside. Default float32.</value>
    public GraphPrecision Precision { get; init; }

    /// <value>
    /// Whether the transformer has graphs beside those that take adapters and perturbed attention, <c>model.extended.onnx</c> and <c>conditioning.extended.onnx</c>. Default false.
    /// </value>
    public bool Extended { get; init; }

    /// <value>Whether the autoencoder's encoder has a graph too, <c>vae/encoder.onnx</c>: images that begin from an image need it. Default false.</value>
    public bool Encoder { get; init; }

    /// <value>
    /// Whether the text encoder's head, which is its embedding, has a graph too, <c>text_encoder/head.onnx</c>: enhanced prompts need it. Default false.
    /// </value>
    public bool Head { get; init; }

    // Tests run half precision on the processor, which has no bfloat16.
    internal Arithmetic? Half { get; init; }
}

/// <summary>Whether the output of every self-attention is cut to ±65504: networks trained in half precision depend on it.</summary>
public enum Clamp
{
    /// <summary>Decided from the checkpoint; <c>sana info</c> says how and why.</summary>
    Auto,

    /// <summary>Always.</summary>
    On,

    /// <summary>Never.</summary>
    Off,
}

/// <summary>What the graphs of a checkpoint compute in. Their inputs and outputs are always float32.</summary>
[SuppressMessage("Naming", "CA1720", Justification = "The name that the field gives it.")]
public enum GraphPrecision
{
    /// <summary>Everything in 32-bit float.</summary>
    Float32,

    /// <summary>
    /// Text encoder and transformer, the layers of captioners, CLIP and SigLIP 2 multiply integers of eight bits, for processors: activations symmetric with a scale for each token,
    /// weights symmetric with a scale for each output channel. Norms, attention itself, what comes of the text, the first and the last layer and the autoencoder stay in float32.
    /// The build writes the weights.
    /// </summary>
    W8A8,

    /// <summary>
    /// For GPUs: the transformer in float16 or bfloat16, whichever it was trained in, the text encoder in bfloat16; norms, linear attention, the cut of its output, the stream of
    /// tokens and the autoencoder in float32.
    /// </summary>
    Mixed,
}

/// <summary>What a build did.</summary>
/// <param name="Fingerprint">SHA-256 over the configs and the headers, lengths and a sample of the weights, lower-case hex.</param>
/// <param name="Graphs">The graphs that the checkpoint has now.</param>
/// <param name="Written">False when they were already there.</param>
public sealed record BuildReport(string Fingerprint, IReadOnlyList<GraphFile> Graphs, bool Written)
{
    /// <value>Full path of the folder to load: the checkpoint's, or one of links to its files with the graphs beside them.</value>
    public string Folder { get; init; } = "";

    /// <value>What every graph says of its checkpoint: its name, its fingerprint, and the values of its configs.</value>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();
}

/// <summary>One graph file.</summary>
/// <param name="File">Path under the checkpoint's folder, with forward slashes.</param>
/// <param name="Bytes">Its size; the weights stay in the checkpoint's own files.</param>
public sealed record GraphFile(string File, long Bytes);
