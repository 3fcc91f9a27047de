namespace Sana.Jobs.Generation;

/// <summary>Bytes in a file without a name: they take no memory, can be read again and again, and are gone with the process.</summary>
internal sealed class Spool : Stream
{
    private readonly FileStream _file;

    public Spool()
    {
        var path = Path.Combine(Path.GetTempPath(), $"sana-{Guid.NewGuid():n}");
        _file = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, 64 * 1024);
        File.Delete(path);
    }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => _file.Length;

    public override long Position { get => _file.Position; set => throw new NotSupportedException(); }

    /// <summary>The bytes from their beginning. What was written before is there.</summary>
    public Stream Open()
    {
        _file.Flush();
        return new FileStream($"/proc/self/fd/{_file.SafeFileHandle.DangerousGetHandle()}", FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 64 * 1024);
    }

    /// <summary>Takes all of a stream.</summary>
    /// <exception cref="SanaException">It has more than <paramref name="most"/> bytes, or is damaged.</exception>
    public void Fill(Stream from, long most, string name)
    {
        try
        {
            var buffer = new byte[256 * 1024];
            for (int read; (read = from.Read(buffer)) > 0;)
            {
                if (_file.Length + read > most)
                    throw new SanaException($"The prompts of '{name}' have more than {most} bytes; give them in several files.");
                _file.Write(buffer, 0, read);
            }
        }
        catch (InvalidDataException error)
        {
            throw new SanaException($"The prompts file '{name}' cannot be unpacked: {error.Message}", error);
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => _file.Write(buffer, offset, count);

    public override void Write(ReadOnlySpan<byte> buffer) => _file.Write(buffer);

    public override void WriteByte(byte value) => _file.WriteByte(value);

    public override void Flush() => _file.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _file.Dispose();
        base.Dispose(disposing);
    }
}
