using System.IO.Compression;
using Sana.Storage.Sources;

namespace Sana.Curation.Sources;

/// <summary>
/// A source's files with what is packed in them: a tar or table packed with gzip opens unpacked, and <c>photos.zip!a.jpg</c> opens a member of a zip. What
/// must be read back and forth is unpacked to a
/// file without a name, which is gone with the process.
/// </summary>
internal sealed class PackedFiles(ISourceFiles inner, int maxFileBytes) : ISourceFiles, IDisposable
{
    private const long LeastLimit = 1L << 30;
    private const int MostRatio = 20;

    private readonly SemaphoreSlim _lock = new(1);
    private readonly Dictionary<string, Unpacked> _unpacked = new(StringComparer.Ordinal);
    private readonly HashSet<string> _plain = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ZipMembers> _zips = new(StringComparer.Ordinal);

    public string? Folder => inner.Folder;

    public IAsyncEnumerable<SourceFile> List(CancellationToken cancellationToken) => inner.List(cancellationToken);

    public async Task<Stream?> Open(string name, CancellationToken cancellationToken)
    {
        var mark = name.IndexOf(".zip!", StringComparison.OrdinalIgnoreCase);
        if (mark >= 0)
            return await OpenMember(name, name[..(mark + 4)], name[(mark + 5)..], cancellationToken);
        var kind = FileNames.Kind(name);
        if (kind is not (FileKind.Tar or FileKind.GzipTar) && !FileNames.IsGzip(name))
            return await inner.Open(name, cancellationToken);
        await _lock.WaitAsync(cancellationToken);
        try
        {
            if (_unpacked.TryGetValue(name, out var there))
                return there.Open();
            var packed = await inner.Open(name, cancellationToken);
            if (packed is null || _plain.Contains(name))
                return packed;
            if (!await IsGzip(packed, cancellationToken))
            {
                _plain.Add(name);
                return packed;
            }

            await using (packed)
            {
                await using var plain = new GZipStream(packed, CompressionMode.Decompress);
                return (_unpacked[name] = await Unpacked.Of(plain, Limit(packed.Length), cancellationToken)).Open();
            }
        }
        finally
        {
            _lock.Release();
        }
    }

    /// <summary>The members of a zip, in ordinal order; those that may not be used have a reason.</summary>
    /// <exception cref="IOException">It is no zip, or cannot be read.</exception>
    public async Task<IReadOnlyList<SourceFile>?> Members(string zip, CancellationToken cancellationToken) => (await Zip(zip, cancellationToken))?.Files;

    public void Dispose()
    {
        foreach (var unpacked in _unpacked.Values)
            unpacked.Dispose();
        foreach (var zip in _zips.Values)
            zip.Dispose();
        _lock.Dispose();
    }

    private async Task<Stream?> OpenMember(string name, string zip, string member, CancellationToken cancellationToken)
    {
        if (await Zip(zip, cancellationToken) is not { } members || members.Find(member) is not { } entry)
            return null;
        // A table and a tar are read back and forth, everything else once.
        var isLarge = FileNames.Kind(member) is FileKind.Tar or FileKind.GzipTar or FileKind.Manifest;
        await members.Lock.WaitAsync(cancellationToken);
        try
        {
            if (_unpacked.TryGetValue(name, out var there))
                return there.Open();
            await using var plain = await entry.OpenAsync(cancellationToken);
            if (!isLarge)
                return await InMemory(plain, entry.Length, cancellationToken);
            await using var bare = FileNames.IsGzip(member) ? new GZipStream(plain, CompressionMode.Decompress) : plain;
            return (_unpacked[name] = await Unpacked.Of(bare, Limit(entry.CompressedLength), cancellationToken)).Open();
        }
        catch (InvalidDataException error)
        {
            throw new UnpackException("The member of the zip cannot be unpacked; it is damaged, encrypted, or packed in a way that is not read.", error);
        }
        finally
        {
            members.Lock.Release();
        }
    }

    private async Task<ZipMembers?> Zip(string name, CancellationToken cancellationToken)
    {
        await _lock.WaitAsync(cancellationToken);
        try
        {
            if (_zips.TryGetValue(name, out var there))
                return there;
            var stream = await inner.Open(name, cancellationToken);
            return stream is null ? null : _zips[name] = ZipMembers.Open(stream);
        }
        finally
        {
            _lock.Release();
        }
    }

    private async Task<Stream> InMemory(Stream plain, long length, CancellationToken cancellationToken)
    {
        if (length > maxFileBytes)
            throw new UnpackException($"The member has {length} bytes; the limit is {maxFileBytes}.");
        var bytes = new byte[length];
        var read = await plain.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken);
        return new MemoryStream(bytes, 0, read);
    }

    private static long Limit(long packed) => Math.Max(LeastLimit, MostRatio * packed);

    private static async Task<bool> IsGzip(Stream stream, CancellationToken cancellationToken)
    {
        var head = new byte[2];
        var read = await stream.ReadAtLeastAsync(head, 2, throwOnEndOfStream: false, cancellationToken);
        stream.Position = 0;
        return read == 2 && head is [0x1F, 0x8B];
    }
}
