using System.IO.Compression;
using Microsoft.Win32.SafeHandles;
using Sana.Curation.Sources.Tars;
using Sana.Storage.Sources;

namespace Sana.Curation.Sources;

/// <summary>
/// A source's files with what is packed in them: a tar or table packed with gzip opens unpacked, and <c>photos.zip!a.jpg</c> opens a member of a zip. What must be read back and forth is unpacked to a
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

/// <summary>A packed file that cannot be unpacked, in a sentence for its row.</summary>
internal sealed class UnpackException : IOException
{
    public UnpackException(string message)
        : base(message)
    {
    }

    public UnpackException(string message, Exception inner)
        : base(message, inner)
    {
    }
}

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
    public async IAsyncEnumerable<SourceFile> List([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var file in await files.Members(zip, cancellationToken) ?? [])
            yield return file;
    }

    public Task<Stream?> Open(string name, CancellationToken cancellationToken) => files.Open($"{zip}!{name}", cancellationToken);
}

/// <summary>An unpacked copy on this machine's disk, in a file that has no name any more.</summary>
internal sealed class Unpacked : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly long _length;

    private Unpacked(SafeFileHandle file, long length) => (_file, _length) = (file, length);

    /// <summary>Unpacks to the end, or to where the packing is damaged: what was whole before that stays.</summary>
    /// <exception cref="UnpackException">It is longer than the limit, or nothing can be unpacked.</exception>
    public static async Task<Unpacked> Of(Stream plain, long limit, CancellationToken cancellationToken)
    {
        var path = Path.Combine(Path.GetTempPath(), $"sana-{Guid.NewGuid():n}.tmp");
        var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Delete);
        try
        {
            File.Delete(path);
            var (buffer, length) = (new byte[1 << 20], 0L);
            while (await Read(plain, buffer, length, cancellationToken) is > 0 and var read)
            {
                if (length + read > limit)
                    throw new UnpackException($"Unpacked, the file has more than {limit} bytes, which is 1 GiB or 20 times what it has packed; unpack it yourself if it is to be trusted.");
                await RandomAccess.WriteAsync(file, buffer.AsMemory(0, read), length, cancellationToken);
                length += read;
            }

            return new Unpacked(file, length);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public Stream Open() => new HandleStream(_file, _length);

    public void Dispose() => _file.Dispose();

    private static async Task<int> Read(Stream plain, byte[] buffer, long before, CancellationToken cancellationToken)
    {
        try
        {
            return await plain.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        }
        catch (InvalidDataException error)
        {
            return before > 0 ? 0 : throw new UnpackException("The file cannot be unpacked: it is damaged, or not packed with gzip.", error);
        }
    }

    /// <summary>A reader of its own place over a file that several read.</summary>
    private sealed class HandleStream(SafeFileHandle file, long length) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => true;

        public override bool CanWrite => false;

        public override long Length => length;

        public override long Position { get; set; }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            var read = RandomAccess.Read(file, buffer, Position);
            Position += read;
            return read;
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = await RandomAccess.ReadAsync(file, buffer, Position, cancellationToken);
            Position += read;
            return read;
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override long Seek(long offset, SeekOrigin origin) => Position = origin switch { SeekOrigin.Begin => offset, SeekOrigin.Current => Position + offset, _ => length + offset };

        public override void Flush()
        {
        }

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
