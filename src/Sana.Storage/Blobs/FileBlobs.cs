using System.Globalization;
using System.Runtime.CompilerServices;

namespace Sana.Storage.Blobs;

/// <summary>
/// Blobs as files under a folder. A blob is written to <c>.incoming/</c> in the same folder, flushed to the disk and then linked to its name, so a killed
/// writer leaves a temporary file there and never half a blob; such files are removed when the folder is opened. A writer holds its temporary file open and
/// locked: one that can be opened has no living writer.
/// </summary>
public sealed class FileBlobs : IBlobs
{
    private const string Incoming = ".incoming";
    private const int MaxAttempts = 5;
    private const int NoEntry = 2;
    private const int WouldBlock = 11;
    private const int NoFolder = 20;
    private const int TooLong = 36;

    private readonly string _root;
    private readonly string _incoming;
    private readonly bool _flushes;

    private FileBlobs(string root, bool flushes)
    {
        (_root, _flushes) = (root, flushes);
        _incoming = Path.Combine(root, Incoming);
    }

    /// <inheritdoc/>
    public string Place => $"folder {_root}";

    /// <inheritdoc />
    public long? FreeBytes => new DriveInfo(_root).AvailableFreeSpace;

    /// <summary>Opens the folder, makes it if needed and removes the temporary files of killed writers.</summary>
    /// <exception cref="SanaException">The folder cannot be made or written.</exception>
    /// <param name="folder">Its path.</param>
    /// <param name="flushes">Whether a blob is on the disk when it was written. False only for what may be lost with the machine. Default true.</param>
    public static FileBlobs Open(string folder, bool flushes = true)
    {
        var blobs = new FileBlobs(Path.GetFullPath(folder), flushes);
        try
        {
            Directory.CreateDirectory(blobs._root);
            blobs.RemoveTemporaryFiles();
            return blobs;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw FileFault.From("open", blobs.Place, error);
        }
    }

    /// <inheritdoc/>
    public async Task<bool> PutIfAbsent(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        var path = Resolve(name);
        return !Path.Exists(path) && await Write(name, path, Content(bytes), LinuxFile.TryPublish, cancellationToken);
    }

    /// <inheritdoc/>
    public Task Put(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => Write(name, Content(bytes), cancellationToken);

    /// <inheritdoc/>
    public async Task Write(string name, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        await Write(name, Resolve(name), write, Replace, cancellationToken);

        static bool Replace(string source, string target)
        {
            File.Move(source, target, overwrite: true);
            return true;
        }
    }

    /// <inheritdoc/>
    public Task<byte[]?> Read(string name, CancellationToken cancellationToken) => Find(name, async file =>
    {
        await using var closed = file;
        var bytes = new byte[file.Length];
        await file.ReadExactlyAsync(bytes, cancellationToken);
        return bytes;
    }, cancellationToken);

    /// <inheritdoc/>
    public Task<Stream?> Open(string name, CancellationToken cancellationToken) => Find(name, Task.FromResult<Stream>, cancellationToken);

    private async Task<T?> Find<T>(string name, Func<FileStream, Task<T>> read, CancellationToken cancellationToken)
        where T : class
    {
        var path = Resolve(name);
        try
        {
            return await read(await LinuxFile.OpenToRead(path, cancellationToken));
        }
        catch (Exception error) when (IsAbsent(error, path))
        {
            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw FileFault.From("read", path, error);
        }
    }

    /// <inheritdoc/>
    public Task<bool> Exists(string name, CancellationToken cancellationToken) => Task.FromResult(File.Exists(Resolve(name)));

    /// <inheritdoc/>
    /// <remarks>Folders that it leaves empty are removed too.</remarks>
    public Task Delete(string name, CancellationToken cancellationToken)
    {
        var path = Resolve(name);
        try
        {
            File.Delete(path);
            for (var folder = Path.GetDirectoryName(path)!; folder != _root && !Directory.EnumerateFileSystemEntries(folder).Any(); folder = Path.GetDirectoryName(folder)!)
                Directory.Delete(folder);
        }
        catch (IOException) when (!File.Exists(path))
        {
            // Somebody else removed the folder, or wrote another blob into it.
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw FileFault.From("delete", path, error);
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<BlobEntry> List(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        BlobName.CheckPrefix(prefix);
        var folder = prefix[..(prefix.LastIndexOf('/') + 1)];
        if (folder.Length > 0)
            RefuseLinks(folder.TrimEnd('/'));

        await Task.CompletedTask;
        foreach (var entry in Walk(folder, prefix))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return entry;
        }
    }

    /// <summary>In ordinal order of the whole names: a folder sorts with its slash, as <c>a-b</c> comes before <c>a/b</c>.</summary>
    private IEnumerable<BlobEntry> Walk(string folder, string prefix)
    {
        foreach (var (name, file) in Children(folder).Where(child => child.Name.StartsWith(prefix, StringComparison.Ordinal)))
        {
            if (file is not null)
            {
                yield return new BlobEntry(name, file.Length, string.Create(CultureInfo.InvariantCulture, $"{file.LastWriteTimeUtc.Ticks:x}"), file.LastWriteTimeUtc);
                continue;
            }

            foreach (var entry in Walk(name, prefix))
                yield return entry;
        }
    }

    private List<(string Name, FileInfo? File)> Children(string folder)
    {
        var path = new DirectoryInfo(Path.Combine(_root, folder));
        try
        {
            return [.. path.EnumerateFileSystemInfos()
                .Where(item => !item.Attributes.HasFlag(FileAttributes.ReparsePoint) && BlobName.IsValid(folder + item.Name))
                .Select(item => item is FileInfo file ? (Name: folder + item.Name, File: file) : (Name: folder + item.Name + '/', File: null))
                .OrderBy(item => item.Name, StringComparer.Ordinal)];
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw FileFault.From("list", path.FullName, error);
        }
    }

    private static Func<Stream, CancellationToken, Task> Content(ReadOnlyMemory<byte> bytes) => async (file, cancellationToken) => await file.WriteAsync(bytes, cancellationToken);

    private async Task<bool> Write(
        string name, string path, Func<Stream, CancellationToken, Task> write, Func<string, string, bool> publish, CancellationToken cancellationToken)
    {
        try
        {
            Directory.CreateDirectory(_incoming);
            for (var attempt = 1; ; attempt++)
            {
                var made = MakeFolder(Path.GetDirectoryName(path)!);
                var temporary = Path.Combine(_incoming, Guid.NewGuid().ToString("N"));
                try
                {
                    var published = await WriteOnce(temporary, path, write, publish, cancellationToken);
                    for (var folder = Path.GetDirectoryName(path)!; published && _flushes; folder = Path.GetDirectoryName(folder)!)
                    {
                        LinuxFile.FlushFolder(folder);
                        if (folder == made)
                            break;
                    }

                    return published;
                }
                catch (IOException error) when (attempt < MaxAttempts && (error is FileNotFoundException or DirectoryNotFoundException || error.HResult is NoEntry or WouldBlock))
                {
                    // A process that opened the folder removed the new file in the instant between its creation and its lock, or one that deleted a blob removed the empty folder.
                }
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw FileFault.From("write", Path.Combine(_root, name), error);
        }
        catch (ArgumentOutOfRangeException error)
        {
            throw FileFault.From("write", Path.Combine(_root, name), error);
        }
    }

    /// <summary>Makes a folder and the ones above it.</summary>
    /// <returns>The lowest folder that was there before: its new entry is flushed too.</returns>
    private static string MakeFolder(string folder)
    {
        var there = folder;
        while (!Directory.Exists(there) && Path.GetDirectoryName(there) is { } above)
            there = above;
        Directory.CreateDirectory(folder);
        return there;
    }

    private async Task<bool> WriteOnce(
        string temporary, string path, Func<Stream, CancellationToken, Task> write, Func<string, string, bool> publish, CancellationToken cancellationToken)
    {
        await using var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.Asynchronous);
        try
        {
            await write(file, cancellationToken);
            file.Flush(flushToDisk: _flushes);
            cancellationToken.ThrowIfCancellationRequested();
            return publish(temporary, path);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private void RemoveTemporaryFiles()
    {
        if (!Directory.Exists(_incoming))
            return;

        foreach (var temporary in Directory.EnumerateFiles(_incoming))
        {
            try
            {
                using var free = new FileStream(temporary, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
                File.Delete(temporary);
            }
            catch (IOException)
            {
                // Locked by its living writer, or gone meanwhile.
            }
        }
    }

    /// <summary>No blob has this name: nothing is there, a folder is, or a blob stands where a folder would be.</summary>
    private static bool IsAbsent(Exception error, string path) =>
        error is FileNotFoundException or DirectoryNotFoundException
        || (error is UnauthorizedAccessException && Directory.Exists(path))
        || (error is IOException && error.HResult is NoFolder or TooLong);

    private string Resolve(string name)
    {
        BlobName.Check(name);
        RefuseLinks(name);
        return Path.Combine(_root, name);
    }

    /// <summary>A link below the root could lead anywhere; the root itself may be one.</summary>
    private void RefuseLinks(string name)
    {
        for (var end = name.IndexOf('/'); ; end = name.IndexOf('/', end + 1))
        {
            var path = Path.Combine(_root, end < 0 ? name : name[..end]);
            if (new FileInfo(path).LinkTarget is not null)
                throw new SanaException($"{path} is a symbolic link; blobs are plain files in plain folders, so remove it or choose another folder.");

            if (end < 0)
                return;
        }
    }
}
