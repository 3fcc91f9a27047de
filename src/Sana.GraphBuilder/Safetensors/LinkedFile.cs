namespace Sana.GraphBuilder.Safetensors;

/// <summary>Files that are reached through links, as in the Hugging Face cache: <c>snapshots/…/x.safetensors</c> is a link to <c>blobs/…</c>.</summary>
internal static class LinkedFile
{
    /// <summary>The path without links: each is resolved from the folder that it really lies in, as the operating system does it.</summary>
    /// <exception cref="IOException">The links go in circles.</exception>
    public static string Final(string path, int links = 40)
    {
        var full = Path.GetFullPath(path);
        if (Path.GetDirectoryName(full) is not { } folder)
            return full;
        if (links == 0)
            throw new IOException("Its links go in circles.");

        folder = Final(folder, links);
        var file = Path.Combine(folder, Path.GetFileName(full));
        return new FileInfo(file).LinkTarget is { } target ? Final(Path.Combine(folder, target), links - 1) : file;
    }

    /// <summary>
    /// How a graph in the folder of <paramref name="file"/> names it. ONNX Runtime opens nothing outside the folder it is given, links resolved: where a folder holds a
    /// linked .safetensors, whoever loads the graph gives the root of the file system, and the name starts there. Else it is the name in the folder.
    /// </summary>
    public static string Location(string file)
    {
        var folder = Path.GetDirectoryName(file)!;
        if (!Directory.EnumerateFiles(folder, "*.safetensors").Any(entry => new FileInfo(entry).LinkTarget is not null))
            return Path.GetFileName(file);

        var real = Final(file);
        return real[Path.GetPathRoot(real)!.Length..].Replace('\\', '/');
    }
}
