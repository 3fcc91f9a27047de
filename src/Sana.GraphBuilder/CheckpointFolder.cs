using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder;

/// <summary>What the three kinds of checkpoint folders have in common.</summary>
internal static class CheckpointFolder
{
    public const string CachePrefix = "models--"; // of a repository's folder in the Hugging Face cache

    /// <summary>The full path of the folder.</summary>
    /// <param name="folder">As the caller gave it.</param>
    /// <param name="holds">The file that such a folder holds, for the message.</param>
    /// <exception cref="CheckpointException">It is not a folder.</exception>
    public static string FullPath(string folder, string holds)
    {
        var path = Path.GetFullPath(folder);
        return Directory.Exists(path) ? path : throw new CheckpointException($"{folder} is not a folder; give the folder that holds {holds}.");
    }

    /// <summary>The folder's name; for a snapshot in the Hugging Face cache, whose folder is named by a hash, <c>owner/name</c>.</summary>
    /// <param name="path">Full path.</param>
    public static string NameOf(string path)
    {
        var parts = Path.TrimEndingDirectorySeparator(path).Split(Path.DirectorySeparatorChar);
        return parts is [.., var repository, "snapshots", _] && repository.StartsWith(CachePrefix, StringComparison.Ordinal)
            ? repository[CachePrefix.Length..].Replace("--", "/", StringComparison.Ordinal)
            : parts[^1];
    }

    /// <summary>Opens the weights of a checkpoint that is one transformers model, which has no choice of clamp.</summary>
    /// <param name="path">Full path of the folder.</param>
    /// <param name="kind">How messages name the kind of checkpoint.</param>
    /// <param name="options">Of the build.</param>
    /// <param name="eightBits">Whether it has graphs in eight bits too.</param>
    /// <exception cref="CheckpointException">An option does not apply, or there are no safetensors.</exception>
    public static SafetensorsWeights OpenWeights(string path, string kind, BuildOptions options, bool eightBits = false)
    {
        if (options.Clamp != Clamp.Auto)
            throw new CheckpointException($"{path} is a {kind} checkpoint, which has nothing to clamp; leave --clamp away.");
        if (options.Precision == GraphPrecision.Mixed || (options.Precision == GraphPrecision.W8A8 && !eightBits))
        {
            throw new CheckpointException($"{path} is a {kind} checkpoint, which has no graphs in precision {options.Precision.Word()}; "
                + (eightBits ? "use float32 or w8a8." : "it computes in float32 only, so leave the precision away."));
        }

        return SafetensorsWeights.Open(path, "model", options.Variant);
    }

    /// <summary>The graphs of a checkpoint that is one transformers model: those of float32 are always there, those in eight bits beside them where they are asked for.</summary>
    /// <param name="precision">What is asked for.</param>
    /// <param name="metadata">What graphs of a precision say that those of another do not.</param>
    /// <param name="graphs">Name and construction of each.</param>
    public static IReadOnlyList<PlannedGraph> Graphs(
        GraphPrecision precision, Func<GraphPrecision, IEnumerable<(string Key, string Value)>> metadata, params (string Name, Func<Arithmetic, Graph> Build)[] graphs)
    {
        return [.. Of(GraphPrecision.Float32), .. precision == GraphPrecision.Float32 ? [] : Of(precision)];

        IEnumerable<PlannedGraph> Of(GraphPrecision one) => graphs.Select(graph => new PlannedGraph(
            one == GraphPrecision.Float32 ? $"{graph.Name}.onnx" : $"{graph.Name}.{one.Word()}.onnx",
            () =>
            {
                var built = graph.Build(one == GraphPrecision.W8A8 ? Arithmetic.W8A8 : Arithmetic.Float32);
                foreach (var (key, value) in metadata(one))
                    built.Metadata(key, value);
                return built;
            }));
    }
}
