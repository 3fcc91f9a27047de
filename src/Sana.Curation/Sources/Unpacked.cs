using Microsoft.Win32.SafeHandles;

namespace Sana.Curation.Sources;

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

            return length > 0 ? new Unpacked(file, length) : throw new UnpackException("Nothing can be unpacked from the file; it is empty or damaged.");
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

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset,
            count), cancellationToken).AsTask();

        public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
        {
            SeekOrigin.Begin => offset,
            SeekOrigin.Current => Position + offset,
            _ => length + offset
        };

        public override void Flush()
        {
        }

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
