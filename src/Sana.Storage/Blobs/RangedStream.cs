namespace Sana.Storage.Blobs;

/// <summary>A seekable stream over requests for ranges of one object, each of at least the buffer's bytes.</summary>
/// <param name="length">The object's size in bytes.</param>
/// <param name="bufferBytes">What one request asks for when less is read.</param>
/// <param name="fill">Fills the memory with the bytes from an offset on, all of it or not at all.</param>
internal sealed class RangedStream(long length, int bufferBytes, Func<long, Memory<byte>, CancellationToken, Task> fill) : Stream
{
    private byte[] _buffer = [];
    private long _start;
    private int _filled;
    private long _position;

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position
    {
        get => _position;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            _position = value;
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var left = length - _position;
        if (left <= 0 || buffer.Length == 0)
            return 0;

        if (_position < _start || _position >= _start + _filled)
        {
            if (buffer.Length >= bufferBytes)
            {
                var whole = buffer[..(int)Math.Min(buffer.Length, left)];
                await fill(_position, whole, cancellationToken);
                _position += whole.Length;
                return whole.Length;
            }

            var wanted = (int)Math.Min(bufferBytes, left);
            if (_buffer.Length < wanted)
                _buffer = new byte[wanted];
            _filled = 0;
            await fill(_position, _buffer.AsMemory(0, wanted), cancellationToken);
            (_start, _filled) = (_position, wanted);
        }

        var part = _buffer.AsMemory((int)(_position - _start), (int)Math.Min(buffer.Length, _start + _filled - _position));
        part.CopyTo(buffer);
        _position += part.Length;
        return part.Length;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => _position + offset,
        _ => length + offset,
    };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
