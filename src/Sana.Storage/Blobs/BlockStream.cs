using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace Sana.Storage.Blobs;

/// <summary>
/// A block blob written front to back in blocks of 8 MB; it appears with <see cref="Commit"/>. Blocks of a writer that was killed are dropped by the service
/// after a week.
/// </summary>
internal sealed class BlockStream(BlockBlobClient blob, string contentType, CancellationToken cancellationToken) : Stream
{
    private const int BlockBytes = 8 * 1024 * 1024;

    private readonly List<string> _blocks = [];
    private readonly MemoryStream _block = new();
#pragma warning disable CA5351 // Content-MD5 is the header that the storage service defines; it finds damage, it keeps no secret.
    private readonly IncrementalHash _md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
#pragma warning restore CA5351

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

    public async Task Commit()
    {
        if (_block.Length > 0)
            await Stage();
        var headers = new BlobHttpHeaders { ContentType = contentType, ContentHash = _md5.GetHashAndReset() };
        await blob.CommitBlockListAsync(_blocks, new CommitBlockListOptions { HttpHeaders = headers }, cancellationToken);
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellation = default)
    {
        _md5.AppendData(buffer.Span);
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

    protected override void Dispose(bool disposing)
    {
        _md5.Dispose();
        base.Dispose(disposing);
    }

    // Names that follow from the place: two writers of the same bytes stage the same blocks.
    private async Task Stage()
    {
        var name = Convert.ToBase64String(Encoding.ASCII.GetBytes(_blocks.Count.ToString("d8", CultureInfo.InvariantCulture)));
        _block.Position = 0;
        await blob.StageBlockAsync(name, _block, cancellationToken: cancellationToken);
        _blocks.Add(name);
        _block.SetLength(0);
    }
}
