namespace Sana.GraphBuilder.Checkpoint;

/// <summary>What a checkpoint is called by where it lies.</summary>
internal static class CheckpointName
{
    private const string Cached = "models--";

    /// <summary>The folder's name; of a snapshot in the Hugging Face cache, whose folder is named by a hash, <c>owner/name</c>.</summary>
    /// <param name="folder">Full path.</param>
    public static string Of(string folder)
    {
        var parts = Path.TrimEndingDirectorySeparator(folder).Split(Path.DirectorySeparatorChar);
        return parts is [.., var repository, "snapshots", _] && repository.StartsWith(Cached, StringComparison.Ordinal)
            ? repository[Cached.Length..].Replace("--", "/", StringComparison.Ordinal)
            : parts[^1];
    }
}
