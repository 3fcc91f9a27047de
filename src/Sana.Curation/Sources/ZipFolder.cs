using System.IO.Compression;
using System.Runtime.CompilerServices;
using Sana.Curation.Sources.Tars;
using Sana.Storage.Sources;

namespace Sana.Curation.Sources;

/// <summary>The members of one zip. One is read at a time.</summary>
internal sealed class ZipMembers : IDisposable
{
    private const int MaxMembers = 1_000_000;
    private const int UnixTypes = 0xF000;
    private const int UnixLink = 0xA000;

    private readonly ZipArchive _archive;
    private readonly Dictionary<string, ZipArchiveEntry> _entries = new(StringComparer.Ordinal);

    private ZipMembers(ZipArchive archive)
    {
        _archive = archive;
        var files = new List<SourceFile>();
        foreach (var entry in archive.Entries.Take(MaxMembers))
        {
            var (name, fault) = MemberName.Check(entry.FullName);
            if (entry.FullName.EndsWith('/'))
                continue;
            if (name is null || ((entry.ExternalAttributes >> 16) & UnixTypes) == UnixLink)
                files.Add(new SourceFile(name ?? FileNames.Shown(entry.FullName), 0, fault is null ? SourceFile.UnsafeLink : SourceFile.UnsafeName));
            else if (name.Split('/').Any(part => part[0] == '.' || part == "__MACOSX"))
                files.Add(new SourceFile(name, 0, SourceFile.Hidden));
            else
                files.Add(new SourceFile(name, entry.Length, _entries.TryAdd(name, entry) ? null : SourceFile.Twice));
        }

        Files = [.. files.OrderBy(file => file.Name, StringComparer.Ordinal)];
    }

    public IReadOnlyList<SourceFile> Files { get; }

    public SemaphoreSlim Lock { get; } = new(1);

    /// <exception cref="UnpackException">It is no zip.</exception>
    public static ZipMembers Open(Stream stream)
    {
        try
        {
            return new ZipMembers(new ZipArchive(stream, ZipArchiveMode.Read));
        }
        catch (Exception error) when (error is InvalidDataException or ArgumentException or OverflowException)
        {
            stream.Dispose();
            throw new UnpackException("The file is no zip that can be read; its list of members is damaged or missing.", error);
        }
    }

    public ZipArchiveEntry? Find(string name) => _entries.GetValueOrDefault(name);

    public void Dispose()
    {
        _archive.Dispose();
        Lock.Dispose();
    }
}

/// <summary>The members of a zip as files of a place of their own.</summary>
internal sealed class ZipFolder(PackedFiles files, string zip) : ISourceFiles
{
    public async IAsyncEnumerable<SourceFile> List([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var file in await files.Members(zip, cancellationToken) ?? [])
            yield return file;
    }

    public Task<Stream?> Open(string name, CancellationToken cancellationToken) => files.Open($"{zip}!{name}", cancellationToken);
}
