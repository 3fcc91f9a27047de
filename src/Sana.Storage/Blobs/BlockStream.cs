using System.Runtime.InteropServices;

namespace Sana.Storage.Blobs;

/// <summary>A stream written front to back that hands on its bytes in blocks of 8 MB, some of them at once, the last one by <see cref="Finish"/>.</summary>
/// <param name="stage">Takes a block by its number, from 0. It is called in the order of the numbers and may be awaited beside others; the memory is used again when it returns.</param>
/// <typeparam name="T">What a block becomes.</typeparam>
internal sealed class BlockStream<T>(Func<int, ReadOnlyMemory<byte>, Task<T>> stage) : Stream
{
    public const int BlockBytes = 8 * 1024 * 1024;

    private const int AtOnce = 4;

    private readonly List<Task<T>> _staged = [];
    private readonly Queue<MemoryStream> _free = [];
    private readonly SemaphoreSlim _room = new(AtOnce);
    private MemoryStream _block = new();
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

    /// <summary>Hands on what is left, if anything is, and waits for all blocks.</summary>
    /// <returns>What became of them, in their order.</returns>
    public async Task<T[]> Finish()
    {
        if (_block.Length > 0)
            await Stage();
        return await Task.WhenAll(_staged);
    }

    /// <summary>Waits until no block is under way, whatever became of them.</summary>
    public async Task Settle() => await Task.WhenAll(_staged.AsEnumerable<Task>()).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

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

    public override async ValueTask DisposeAsync()
    {
        await Settle();
        _room.Dispose();
        await base.DisposeAsync();
    }

    private async Task Stage()
    {
        await _room.WaitAsync();
        // Whoever writes hears of a block that failed with the next one.
        if (_staged.Find(task => task.IsFaulted || task.IsCanceled) is { } failed)
            await failed;
        _staged.Add(Run(_staged.Count, _block));
        lock (_free)
            _block = _free.TryDequeue(out var free) ? free : new MemoryStream();
    }

    private async Task<T> Run(int number, MemoryStream block)
    {
        try
        {
            return await stage(number, block.GetBuffer().AsMemory(0, (int)block.Length));
        }
        finally
        {
            block.SetLength(0);
            lock (_free)
                _free.Enqueue(block);
            _room.Release();
        }
    }
}

/// <summary>Bytes for clients that read streams only.</summary>
internal static class BytesStream
{
    public static MemoryStream Of(ReadOnlyMemory<byte> bytes) => MemoryMarshal.TryGetArray(bytes, out var array)
        ? new MemoryStream(array.Array!, array.Offset, array.Count, writable: false)
        : new MemoryStream(bytes.ToArray(), writable: false);
}
