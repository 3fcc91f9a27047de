using System.Runtime.InteropServices;

namespace Sana.Storage.Blobs;

/// <summary>A stream written front to back that hands on its bytes in blocks of 8 MB, each when it is full, the last one by <see cref="Finish"/>.</summary>
/// <param name="stage">Takes a block by its number, from 0; the memory is used again when it returns.</param>
internal sealed class BlockStream(Func<int, ReadOnlyMemory<byte>, Task> stage) : Stream
{
    public const int BlockBytes = 8 * 1024 * 1024;

    private readonly MemoryStream _block = new();
    private int _blocks;
    private long _length;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => _length;
        set => throw new NotSupportedException();
    }

    /// <summary>Hands on what is left, if anything is.</summary>
    public Task Finish() => _block.Length > 0 ? Stage() : Task.CompletedTask;

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellation = default)
    {
        _length += buffer.Length;
        while (buffer.Length > 0)
        {
            var part = buffer[..(int)Math.Min(buffer.Length, BlockBytes - _block.Length)];
            _block.Write(part.Span);
            buffer = buffer[part.Length..];
            if (_block.Length == BlockBytes)
                await Stage();
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count) => WriteAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override void Flush()
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private async Task Stage()
    {
        await stage(_blocks++, _block.GetBuffer().AsMemory(0, (int)_block.Length));
        _block.SetLength(0);
    }
}

/// <summary>Bytes for clients that read streams only.</summary>
internal static class BytesStream
{
    public static MemoryStream Of(ReadOnlyMemory<byte> bytes) => MemoryMarshal.TryGetArray(bytes, out var array)
        ? new MemoryStream(array.Array!, array.Offset, array.Count, writable: false)
        : new MemoryStream(bytes.ToArray(), writable: false);
}
