
namespace Sana.GraphBuilder;

/// <summary>
/// Where the graphs of a checkpoint go that cannot be written, or is not to be: a folder of links to its files, named by its fingerprint, in which graphs stand
/// beside the links as they would beside the weights.
/// </summary>
internal static class GraphsFolder
{
    private const int Deepest = 3;
    private const int FingerprintDigits = 16;

    /// <summary>The folder for graphs of checkpoints that cannot be written: <c>SANA_GRAPHS</c>, or <c>sana/graphs</c> in the user's cache.</summary>
    public static string Cache
    {
        get
        {
            if (Environment.GetEnvironmentVariable("SANA_GRAPHS") is { Length: > 0 } named)
                return named;
            var cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } xdg ? xdg : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
            return Path.Combine(cache, "sana", "graphs");
        }
    }

    /// <summary>Whether a file can be made in every folder that graphs go to.</summary>
    public static bool CanWrite(GraphSet set)
    {
        foreach (var folder in set.Graphs.Select(graph => Path.GetDirectoryName(set.PathOf(graph.File))!).Append(set.Folder).Distinct())
        {
            try
            {
                File.Create(Path.Combine(folder, $".sana.{Environment.ProcessId}.tmp"), 1, FileOptions.DeleteOnClose).Dispose();
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Makes the folder of links, or completes it.</summary>
    /// <param name="set">The checkpoint.</param>
    /// <param name="graphs">Folder for the graphs of all checkpoints.</param>
    /// <returns>The checkpoint's own folder in it, which has the checkpoint's name.</returns>
    /// <exception cref="CheckpointException">It cannot be written.</exception>
    public static string Link(GraphSet set, string graphs)
    {
        var name = CheckpointFolder.NameOf(set.Folder);
        var key = set.Fingerprint[..FingerprintDigits];
        var folder = Path.GetFullPath(name.Contains('/', StringComparison.Ordinal)
            ? Path.Combine(graphs, CheckpointFolder.CachePrefix + name.Replace("/", "--", StringComparison.Ordinal), "snapshots", key)
            : Path.Combine(graphs, key, name));
        try
        {
            Link(set.Folder, folder, Deepest);
            return folder;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw AtomicFile.CannotWrite(folder, error);
        }
    }

    private static void Link(string from, string to, int deep)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.EnumerateFiles(from))
        {
            var name = Path.GetFileName(file);
            if (!name.StartsWith('.') && name != BuildRecord.FileName && !name.EndsWith(".onnx", StringComparison.Ordinal) && !name.EndsWith($".onnx{GraphSet.EightBitSuffix}", StringComparison.Ordinal))
                LinkFile(file, Path.Combine(to, name));
        }

        if (deep == 0)
            return;
        foreach (var folder in Directory.EnumerateDirectories(from).Where(folder => !Path.GetFileName(folder).StartsWith('.')))
            Link(folder, Path.Combine(to, Path.GetFileName(folder)), deep - 1);
    }

    // Another process may make the same link at the same time; then it is there.
    private static void LinkFile(string file, string link)
    {
        if (new FileInfo(link).LinkTarget == file)
            return;
        File.Delete(link);
        try
        {
            File.CreateSymbolicLink(link, file);
        }
        catch (IOException) when (new FileInfo(link).LinkTarget == file)
        {
            // made by the other one
        }
    }
}
