using System.Runtime.CompilerServices;
using Sana.Workflows.Blobs;

namespace Sana.Workflows.Curation;

/// <summary>Files under a folder, links left out. Hidden files and folders are nobody's images.</summary>
internal sealed class FolderSource : ISourceImages
{
    private static readonly EnumerationOptions _options = new()
    {
        AttributesToSkip = FileAttributes.Hidden | FileAttributes.System | FileAttributes.ReparsePoint | FileAttributes.Device,
    };

    private readonly string _root;

    private FolderSource(string root) => _root = root;

    /// <exception cref="WorkflowException">There is no such folder.</exception>
    public static FolderSource Open(string folder) => Directory.Exists(folder)
        ? new FolderSource(Path.GetFullPath(folder))
        : throw new WorkflowException($"There is no source folder '{folder}'; check the path.");

    public async IAsyncEnumerable<(string Name, long Bytes)> List([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        foreach (var file in Walk(""))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return file;
        }
    }

    /// <summary>In ordinal order of the whole names, one folder in memory at a time: a folder sorts with its slash.</summary>
    private IEnumerable<(string Name, long Bytes)> Walk(string folder)
    {
        foreach (var (name, bytes) in Children(folder))
        {
            if (bytes is not null)
            {
                yield return (name, bytes.Value);
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
            return [.. path.EnumerateFileSystemInfos("*", _options)
                .Select(item => item is FileInfo file ? (Name: folder + item.Name, Bytes: (long?)file.Length) : (Name: folder + item.Name + '/', Bytes: null))
                .OrderBy(item => item.Name, StringComparer.Ordinal)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw FileFault.Of("list", path.FullName, error);
        }
    }

    public async Task<byte[]?> Read(string name, CancellationToken cancellationToken)
    {
        var path = Path.GetFullPath(Path.Combine(_root, name));
        try
        {
            return path.StartsWith(_root + Path.DirectorySeparatorChar, StringComparison.Ordinal) ? await File.ReadAllBytesAsync(path, cancellationToken) : null;
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw FileFault.Of("read", path, error);
        }
    }
}
