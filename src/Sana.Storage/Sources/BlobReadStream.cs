using Azure;
using Sana.Storage.Blobs;

namespace Sana.Storage.Sources;

/// <summary>A blob that is read by ranges. What the service says on the way becomes what a source's reader knows: a blob that changed or went is an error of this file, the rest one of the place.</summary>
internal sealed class BlobReadStream(Stream blob, Func<Exception, SanaException> fault) : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => blob.Length;

    public override long Position
    {
        get => blob.Position;
        set => blob.Position = value;
    }

    public override int Read(byte[] buffer, int offset, int count)
    {
        try
        {
            return blob.Read(buffer, offset, count);
        }
        catch (Exception error) when (AzureFault.IsFromService(error))
        {
            throw Of(error);
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            return await blob.ReadAsync(buffer, cancellationToken);
        }
        catch (Exception error) when (AzureFault.IsFromService(error))
        {
            throw Of(error);
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override long Seek(long offset, SeekOrigin origin) => blob.Seek(offset, origin);

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            blob.Dispose();
        base.Dispose(disposing);
    }

    private Exception Of(Exception error) =>
        error is RequestFailedException { Status: 404 or 412 } ? new IOException("The blob changed while it was read.", error) : fault(error);
}
