using Sana.Storage.Net;

namespace Sana.Storage.Blobs;

/// <summary>A seekable stream over requests for ranges of one object, each of at least the buffer's bytes.</summary>
/// <param name="length">The object's size in bytes.</param>
/// <param name="bufferBytes">What one request asks for when less is read.</param>
/// <param name="fill">Fills the memory with the bytes from an offset on, all of it or not at all.</param>
internal sealed class RangedStream(long length, int bufferBytes, Func<long, Memory<byte>, CancellationToken, Task> fill) : RemoteStream(length)
{
    private byte[] _buffer = [];
    private long _start;
    private int _filled;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var left = Length - Position;
        if (left <= 0 || buffer.Length == 0)
            return 0;

        if (Position < _start || Position >= _start + _filled)
        {
            if (buffer.Length >= bufferBytes)
            {
                var whole = buffer[..(int)Math.Min(buffer.Length, left)];
                await fill(Position, whole, cancellationToken);
                Position += whole.Length;
                return whole.Length;
            }

            var wanted = (int)Math.Min(bufferBytes, left);
            if (_buffer.Length < wanted)
                _buffer = new byte[wanted];
            _filled = 0;
            await fill(Position, _buffer.AsMemory(0, wanted), cancellationToken);
            (_start, _filled) = (Position, wanted);
        }

        var part = _buffer.AsMemory((int)(Position - _start), (int)Math.Min(buffer.Length, _start + _filled - Position));
        part.CopyTo(buffer);
        Position += part.Length;
        return part.Length;
    }
}
