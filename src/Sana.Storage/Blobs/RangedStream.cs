using System.Buffers;
using Sana.Storage.Net;

namespace Sana.Storage.Blobs;

/// <summary>
/// A seekable stream over requests for ranges of one object. Who reads on from range to range gets larger ones, the next of them while the last is read;
/// who jumps gets one range of the buffer's size.
/// </summary>
/// <param name="length">The object's size in bytes.</param>
/// <param name="bufferBytes">The size of a range after a jump. Reading on it grows to 4 MB; two ranges are held.</param>
/// <param name="fill">Fills the memory with the bytes from an offset on, all of it or not at all.</param>
internal sealed class RangedStream(long length, int bufferBytes, Func<long, Memory<byte>, CancellationToken, Task> fill) : RemoteStream(length)
{
    private const int MostBytes = 4 * 1024 * 1024;

    private readonly int _leastBytes = bufferBytes;
    private readonly CancellationTokenSource _closed = new();
    private AskedRange? _current;
    private AskedRange? _ahead;
    private int _bytes;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (Length <= Position || buffer.Length == 0)
            return 0;
        if (_current?.Holds(Position) != true)
            await Move(cancellationToken);

        var bytes = _current!.From(Position, buffer.Length);
        bytes.CopyTo(buffer);
        Position += bytes.Length;
        return bytes.Length;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && !_closed.IsCancellationRequested)
        {
            _closed.Cancel();
            Drop(ref _current);
            Drop(ref _ahead);
            _closed.Dispose();
        }

        base.Dispose(disposing);
    }

    private async Task Move(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_closed.IsCancellationRequested, this);
        var readsOn = _current?.End == Position;
        if (_ahead?.Holds(Position) != true)
        {
            Drop(ref _ahead);
            _ahead = Ask(Position, readsOn);
        }

        try
        {
            await _ahead!.Filled.WaitAsync(cancellationToken);
        }
        catch
        {
            // The next read asks again.
            Drop(ref _ahead);
            throw;
        }

        Drop(ref _current);
        (_current, _ahead) = (_ahead, null);
        if (readsOn && _current.End < Length)
            _ahead = Ask(_current.End, readsOn);
    }

    private AskedRange Ask(long start, bool readsOn)
    {
        _bytes = readsOn ? Math.Max(_leastBytes, Math.Min(2 * _bytes, MostBytes)) : _leastBytes;
        var count = (int)Math.Min(_bytes, Length - start);
        var bytes = ArrayPool<byte>.Shared.Rent(count);
        return new AskedRange(start, count, bytes, fill(start, bytes.AsMemory(0, count), _closed.Token));
    }

    private static void Drop(ref AskedRange? range)
    {
        // Memory that is still written to is not lent again.
        if (range is { Filled.IsCompleted: true })
            ArrayPool<byte>.Shared.Return(range.Bytes);
        _ = range?.Filled.ContinueWith(static task => task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        range = null;
    }

    private sealed record AskedRange(long Start, int Count, byte[] Bytes, Task Filled)
    {
        public long End => Start + Count;

        public bool Holds(long position) => position >= Start && position < End;

        public ReadOnlyMemory<byte> From(long position, int most) => Bytes.AsMemory((int)(position - Start), (int)Math.Min(most, End - position));
    }
}
