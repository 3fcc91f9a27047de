using Sana.Storage.Blobs;

namespace Sana.Storage.Hub;

/// <summary>
/// One repository in the cache that Hugging Face's own programs share: files by their hash in <c>blobs</c>, a folder of relative links for each commit in
/// <c>snapshots</c>, the commits of branches in <c>refs</c>, and locks in <c>.locks</c> beside it.
/// </summary>
internal sealed class HubCache
{
    private const int WouldBlock = 11;
    private static readonly TimeSpan LockInterval = TimeSpan.FromMilliseconds(200);

    private readonly string _folder;
    private readonly string _locks;
    private readonly Action<string, string> _link;

    /// <param name="root">The folder of all repositories.</param>
    /// <param name="id">Which.</param>
    /// <param name="link">Makes a link of the first path to the second. Null for the system's.</param>
    public HubCache(string root, HubId id, Action<string, string>? link = null)
    {
        _link = link ?? ((path, target) => File.CreateSymbolicLink(path, target));
        var name = $"models--{id.Repository.Replace("/", "--", StringComparison.Ordinal)}";
        _folder = Path.Combine(root, name);
        _locks = Path.Combine(root, ".locks", name);
    }

    /// <summary>The folder of a commit, which looks like the repository.</summary>
    public string Snapshot(string commit) => Path.Combine(_folder, "snapshots", commit);

    /// <summary>A file of a commit, where it is whole.</summary>
    public bool Has(string commit, string path) => LinuxFile.Look(Path.Combine(Snapshot(commit), path), follow: true) is { Kind: PlaceKind.Plain };

    /// <summary>The whole file of a hash.</summary>
    public string Blob(string hash) => Path.Combine(_folder, "blobs", hash);

    /// <summary>The beginning of that file. Its name is the same in every process, so that the next one goes on.</summary>
    public string Incomplete(string hash) => Blob(hash) + ".sana.incomplete";

    /// <summary>The commit that a revision had when it was last looked at; null when it never was.</summary>
    public string? CommitOf(HubId id)
    {
        if (id.IsCommit)
            return Directory.Exists(Snapshot(id.Revision)) ? id.Revision : null;
        var file = Path.Combine(_folder, "refs", id.Revision);
        return File.Exists(file) && File.ReadAllText(file).Trim() is var commit && HubId.IsHash(commit) && Directory.Exists(Snapshot(commit)) ? commit : null;
    }

    /// <summary>Keeps the commit of a branch or tag.</summary>
    public void SetCommit(HubId id, string commit)
    {
        // A cache that is whole need not be writable.
        if (id.IsCommit || CommitOf(id) == commit)
            return;
        var file = Path.Combine(_folder, "refs", id.Revision);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        var temporary = $"{file}.{Guid.NewGuid():N}.tmp";
        File.WriteAllText(temporary, commit);
        File.Move(temporary, file, overwrite: true);
    }

    /// <summary>Makes the folders that files come into.</summary>
    public void Prepare()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "blobs"));
        Directory.CreateDirectory(_locks);
    }

    /// <summary>Gives a whole file its name in the folder of a commit: by a link, or by a copy where the file system has no links.</summary>
    public void Link(string commit, string path, string hash)
    {
        var link = Path.Combine(Snapshot(commit), path);
        var folder = Path.GetDirectoryName(link)!;
        Directory.CreateDirectory(folder);
        var target = Path.GetRelativePath(folder, Blob(hash));
        if (new FileInfo(link).LinkTarget == target)
            return;
        // A rename replaces what stands there, such as a link that leads nowhere, in one step.
        var temporary = Path.Combine(folder, $".{Guid.NewGuid():N}.tmp");
        try
        {
            try
            {
                _link(temporary, target);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                File.Copy(Blob(hash), temporary);
            }

            File.Move(temporary, link, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Waits until no other process, also one of Python's, downloads the file, and keeps them from it until the lock is disposed or this process ends.</summary>
    /// <param name="hash">Of the file.</param>
    /// <param name="waits">Called once if another has it.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task<IDisposable> Lock(string hash, Action waits, CancellationToken cancellationToken)
    {
        var file = Path.Combine(_locks, hash + ".lock");
        for (var isFirst = true; ; isFirst = false)
        {
            try
            {
                return new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
            }
            catch (IOException error) when (error.HResult == WouldBlock)
            {
                if (isFirst)
                    waits();
                await Task.Delay(LockInterval, cancellationToken);
            }
        }
    }

    /// <summary>Whether the disk has room for so many more bytes. Null when it has, else the sentence that says what is missing.</summary>
    public string? LacksRoom(HubId id, long bytes)
    {
        var free = new DriveInfo(_folder).AvailableFreeSpace;
        return free >= bytes
            ? null
            : $"{id} needs {Counted.Bytes(bytes)} more in {_folder} and {Counted.Bytes(free)} are free; free some space, or set HF_HUB_CACHE to a folder on another disk.";
    }
}
