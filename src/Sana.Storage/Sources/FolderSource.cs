using System.Runtime.CompilerServices;
using Sana.Storage.Blobs;

namespace Sana.Storage.Sources;

/// <summary>Plain files under a folder. Links, pipes, devices, hidden files and hidden folders are left out.</summary>
internal sealed class FolderSource : ISourceFiles
{
    private const FileAttributes Skipped = FileAttributes.Hidden | FileAttributes.System | FileAttributes.ReparsePoint;

    // A folder that may not be read is left out, unless it is the source itself.
    private static readonly EnumerationOptions _top = new() { AttributesToSkip = Skipped, IgnoreInaccessible = false };
    private static readonly EnumerationOptions _below = new() { AttributesToSkip = Skipped };

    private readonly string _root;

    private FolderSource(string root) => _root = root;

    /// <exception cref="SanaException">There is no such folder.</exception>
    public static FolderSource Open(string folder) => Directory.Exists(folder)
        ? new FolderSource(Path.GetFullPath(folder))
        : throw new SanaException($"There is no source folder '{folder}'; check the path.");

    public async IAsyncEnumerable<SourceFile> List([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        foreach (var file in Walk(""))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return file;
        }
    }

    public Task<Stream?> Open(string name, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(_root))
            throw new SanaException($"The source folder '{_root}' is gone; mount it again and run the same command again.");
        return Task.FromResult<Stream?>(IsInside(name) ? OpenPlain(Path.Combine(_root, name)) : null);
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

    /// <summary>Whether a name leads to a place below the root without passing a link.</summary>
    private bool IsInside(string name)
    {
        var parts = name.Split('/');
        if (name.Contains('\0', StringComparison.Ordinal) || parts.Any(part => part is "" or "." or ".."))
            return false;
        var folder = _root;
        foreach (var part in parts[..^1])
        {
            folder = Path.Combine(folder, part);
            if (!LinuxFile.IsFolder(folder))
                return false;
        }

        return true;
    }

    /// <summary>In ordinal order of the whole names, one folder in memory at a time: a folder sorts with its slash.</summary>
    private IEnumerable<SourceFile> Walk(string folder)
    {
        foreach (var (name, bytes) in Children(folder))
        {
            if (bytes is not null)
            {
                yield return new SourceFile(name, bytes.Value);
                continue;
            }

            foreach (var below in Walk(name))
                yield return below;
        }
    }

    private List<(string Name, long? Bytes)> Children(string folder)
    {
        var path = new DirectoryInfo(Path.Combine(_root, folder));
        try
        {
            return [.. path.EnumerateFileSystemInfos("*", folder.Length == 0 ? _top : _below)
                .Select(item => item is FileInfo ? (Name: folder + item.Name, Bytes: LinuxFile.PlainSize(item.FullName)) : (Name: folder + item.Name + '/', Bytes: null))
                .Where(item => item.Bytes is not null || item.Name.EndsWith('/'))
                .OrderBy(item => item.Name, StringComparer.Ordinal)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SanaException(FileFault.From("list", path.FullName, error).Message, error);
        }
    }
}
