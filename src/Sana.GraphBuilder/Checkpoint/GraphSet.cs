using Google.Protobuf;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Checkpoint;

/// <summary>The graphs of one checkpoint and what they are made of: what any kind of checkpoint needs to be built, and not built twice.</summary>
internal sealed record GraphSet
{
    /// <summary>Full path of the checkpoint.</summary>
    public required string Folder { get; init; }

    public required string Fingerprint { get; init; }

    /// <summary>Every file that the graphs point into.</summary>
    public required IReadOnlyList<WeightFile> Weights { get; init; }

    /// <summary>What running the checkpoint needs to know, so that nobody reads configs again: written into each graph.</summary>
    public required IReadOnlyList<(string Key, string Value)> Facts { get; init; }

    /// <summary>File under the folder, with forward slashes, and construction of each graph.</summary>
    public required IReadOnlyList<(string File, Func<Graph> Build)> Graphs { get; init; }

    public string PathOf(string file) => Path.Combine([Folder, .. file.Split('/')]);

    /// <summary>Writes the graphs, unless those that <paramref name="record"/> speaks of will do.</summary>
    /// <exception cref="CheckpointException">The folder cannot be written.</exception>
    public BuildReport Write(BuildRecord? record, BuildOptions options)
    {
        if (!options.Force && record is not null && record.Holds(this))
        {
            return new BuildReport(Fingerprint, record.Graphs, Written: false);
        }

        var built = Graphs.Select(graph => Write(graph.File, graph.Build())).ToArray();
        BuildRecord.Write(this, options, built);
        return new BuildReport(Fingerprint, built, Written: true);
    }

    private BuiltGraph Write(string name, Graph graph)
    {
        foreach (var (key, value) in Facts)
        {
            graph.Metadata(key, value);
        }

        var bytes = graph.ToModel().ToByteArray();
        AtomicFile.Write(PathOf(name), bytes);
        return new BuiltGraph(name, bytes.Length);
    }
}
