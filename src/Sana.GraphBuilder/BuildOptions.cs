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

    /// <value>What the transformer computes in, beside the float32 graphs that are always built. Default float32.</value>
    public GraphPrecision Precision { get; init; }
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

/// <summary>What a graph computes in. Its inputs and outputs are always float32.</summary>
public enum GraphPrecision
{
    /// <summary>32-bit float.</summary>
    Fp32,

    /// <summary>16-bit IEEE float.</summary>
    Fp16,

    /// <summary>bfloat16: the upper 16 bits of a 32-bit float.</summary>
    Bf16,
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
