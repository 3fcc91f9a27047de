using System.Runtime.CompilerServices;
using Sana.Storage.Blobs;

namespace Sana.Storage.Sources;

/// <summary>
/// Plain files under a folder. Links are followed as far as the rule allows; pipes, sockets, devices, hidden files, and folders that may not be read are
/// listed as left out.
/// </summary>
internal sealed class FolderSource : ISourceFiles
{
    private const int MaxDepth = 64;

    private static readonly EnumerationOptions _all = new() { AttributesToSkip = 0, IgnoreInaccessible = false, ReturnSpecialDirectories = false };

    private readonly string _root;
    private readonly LinkRule _links;
    private readonly string _realRoot;
    private readonly string? _hubBlobs;

    private FolderSource(string root, LinkRule links)
    {
        (_root, _links) = (root, links);
        _realRoot = LinuxFile.RealPath(root) ?? root;
        _hubBlobs = HubBlobs(_realRoot);
    }

    public string? Folder => _root;

    /// <exception cref="SanaException">There is no such folder.</exception>
    public static FolderSource Open(string folder, LinkRule links = LinkRule.Inside) => Directory.Exists(folder)
        ? new FolderSource(Path.GetFullPath(folder), links)
        : throw new SanaException($"There is no source folder '{folder}'; check the path.");

    public async IAsyncEnumerable<SourceFile> List([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        foreach (var file in Walk("", _realRoot, new HashSet<string>(StringComparer.Ordinal), depth: 0))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return file;
        }
    }

    public Task<Stream?> Open(string name, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(_root))
            throw new SanaException($"The source folder '{_root}' is gone; mount it again and run the same command again.");
        return Task.FromResult<Stream?>(Allowed(name) is { } path ? OpenPlain(path) : null);
    }

    private static FileStream? OpenPlain(string path)
    {
        try
        {
            // Walking a tar jumps from header to header: a big buffer would be read for nothing.
            return LinuxFile.PlainSize(path) is null ? null : new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 4096);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>The path of a name below the root, links resolved; null when it leads to a place that may not be read.</summary>
    private string? Allowed(string name)
    {
        var parts = name.Split('/');
        if (name.Contains('\0', StringComparison.Ordinal) || parts.Any(part => part is "" or "." or ".."))
            return null;
        var path = _root;
        var isLinked = false;
        foreach (var part in parts)
        {
            path = Path.Combine(path, part);
            isLinked |= LinuxFile.Look(path, follow: false) is { Kind: PlaceKind.Link };
        }

        return !isLinked ? path : LinuxFile.RealPath(path) is { } real && MayFollow(real) ? real : null;
    }

    private bool MayFollow(string real) => _links == LinkRule.All || IsBelow(real, _realRoot)
        || (_hubBlobs is not null && Path.GetDirectoryName(real) == _hubBlobs);

    private static bool IsBelow(string path, string folder) => path.StartsWith(folder.EndsWith('/') ? folder : folder + '/', StringComparison.Ordinal);

    /// <summary>Where the files of the Hub's cache lie, whose snapshots are links to them: <c>…/snapshots/{revision}</c> beside <c>…/blobs</c>.</summary>
    private static string? HubBlobs(string root)
    {
        const string Snapshots = "/snapshots/";
        var at = root.LastIndexOf(Snapshots, StringComparison.Ordinal);
        return at < 0 ? null : root[..at] + "/blobs";
    }

    /// <summary>In ordinal order of the whole names, one folder in memory at a time: a folder sorts with its slash.</summary>
    private IEnumerable<SourceFile> Walk(string folder, string real, HashSet<string> linked, int depth)
    {
        foreach (var child in Children(folder, real, linked, depth))
        {
            if (child.Real is null)
            {
                yield return child.File;
                continue;
            }

            foreach (var below in Walk(child.File.Name, child.Real, linked, depth + 1))
                yield return below;
        }
    }

    private List<Child> Children(string folder, string real, HashSet<string> linked, int depth)
    {
        var path = new DirectoryInfo(Path.Combine(_root, folder));
        try
        {
            return [.. path.EnumerateFileSystemInfos("*", _all)
                .Select(item => Read(folder + item.Name, item.FullName, item.Name, real, linked, depth))
                .OfType<Child>()
                .OrderBy(child => child.File.Name, StringComparer.Ordinal)];
        }
        catch (Exception error) when (folder.Length > 0 && error is IOException or UnauthorizedAccessException && Directory.Exists(_root))
        {
            return [new Child(new SourceFile(folder, 0, SourceFile.UnreadableFolder))];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SanaException(FileFault.From("list", path.FullName, error).Message, error);
        }
    }

    private Child? Read(string name, string path, string last, string real, HashSet<string> linked, int depth)
    {
        if (LinuxFile.Look(path, follow: false) is not { } there)
            return name.Contains('\uFFFD', StringComparison.Ordinal) ? LeftOut(SourceFile.NotUtf8) : null;
        if (last[0] == '.')
            return LeftOut(SourceFile.Hidden);
        return there.Kind switch
        {
            PlaceKind.Plain => new Child(new SourceFile(name, there.Size, null, there.Changed)),
            PlaceKind.Folder when depth >= MaxDepth => LeftOut("folder too deep"),
            PlaceKind.Folder => new Child(new SourceFile(name + '/', 0), Path.Combine(real, last)),
            PlaceKind.Link => Linked(name, path, real, linked, depth),
            PlaceKind.Pipe => LeftOut("pipe"),
            PlaceKind.Socket => LeftOut("socket"),
            _ => LeftOut("device"),
        };

        Child LeftOut(string what) => new(new SourceFile(name, 0, what));
    }

    private Child Linked(string name, string path, string real, HashSet<string> linked, int depth)
    {
        var target = LinuxFile.RealPath(path);
        if (target is null || LinuxFile.Look(target, follow: false) is not { } there)
            return LeftOut("broken link");
        if (!MayFollow(target))
            return LeftOut(SourceFile.Link);
        if (there.Kind == PlaceKind.Plain)
            return new Child(new SourceFile(name, there.Size, null, there.Changed));
        if (there.Kind != PlaceKind.Folder || depth >= MaxDepth)
            return LeftOut(SourceFile.Link);
        // A link to a folder around it would never end; one that leads where another led gives nothing new.
        return target == real || IsBelow(real, target) || !linked.Add(target) ? LeftOut("link in a circle") : new Child(new SourceFile(name + '/', 0), target);

        Child LeftOut(string what) => new(new SourceFile(name, 0, what));
    }

    /// <summary>One name of a folder.</summary>
    /// <param name="File">A file, or a folder with its slash.</param>
    /// <param name="Real">Of a folder to walk its path without links; null for anything else.</param>
    private sealed record Child(SourceFile File, string? Real = null);
}
