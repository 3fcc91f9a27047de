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

    /// <summary>Opens the weights of a checkpoint that is one transformers model, which has no choice of clamp and precision.</summary>
    /// <param name="path">Full path of the folder.</param>
    /// <param name="kind">How messages name the kind of checkpoint.</param>
    /// <param name="options">Of the build.</param>
    /// <exception cref="CheckpointException">An option does not apply, or there are no safetensors.</exception>
    public static SafetensorsWeights OpenWeights(string path, string kind, BuildOptions options)
    {
        if (options.Clamp != Clamp.Auto)
            throw new CheckpointException($"{path} is a {kind} checkpoint, which has nothing to clamp; leave --clamp away.");
        if (options.Precision != GraphPrecision.Float32)
            throw new CheckpointException($"{path} is a {kind} checkpoint, which computes in float32 only; leave the precision away.");

        return SafetensorsWeights.Open(path, "model", options.Variant);
    }
}
