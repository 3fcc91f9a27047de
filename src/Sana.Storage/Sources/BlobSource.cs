using System.Runtime.CompilerServices;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Sana.Storage.Blobs;

namespace Sana.Storage.Sources;

/// <summary>Blobs below a prefix as their owners named them: capitals, blanks and all, which names of ours never have.</summary>
internal sealed class BlobSource(BlobContainerClient container, string prefix) : ISourceFiles
{
    // Walking a tar jumps from header to header; everything else is read from end to end.
    private const int TarBuffer = 128 * 1024;
    private const int FileBuffer = 4 * 1024 * 1024;

    public async IAsyncEnumerable<SourceFile> List([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var options = new GetBlobsOptions { Prefix = prefix, Traits = BlobTraits.Metadata };
        await using var blobs = container.GetBlobsAsync(options, cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await Next())
        {
            var name = blobs.Current.Name[prefix.Length..];
            // Accounts with a hierarchy list their folders as blobs of no length.
            if (blobs.Current.Metadata?.ContainsKey("hdi_isfolder") != true && name.Length > 0)
                yield return new SourceFile(name, blobs.Current.Properties.ContentLength ?? 0, LeftOut(name), blobs.Current.Properties.LastModified);
        }

        async Task<bool> Next()
        {
            try
            {
                return await blobs.MoveNextAsync();
            }
            catch (Exception error) when (AzureFault.IsFromService(error))
            {
                throw Fault("list", error);
            }
        }
    }

    public async Task<Stream?> Open(string name, CancellationToken cancellationToken)
    {
        if (!IsName(name))
            return null;
        var isTar = name.EndsWith(".tar", StringComparison.OrdinalIgnoreCase);
        var options = new BlobOpenReadOptions(allowModifications: false) { BufferSize = isTar ? TarBuffer : FileBuffer };
        try
        {
            return new BlobReadStream(await container.GetBlobClient(prefix + name).OpenReadAsync(options, cancellationToken), error => Fault("read", error));
        }
        catch (RequestFailedException error) when (error.Status == 404 && error.ErrorCode != "ContainerNotFound")
        {
            return null;
        }
        catch (Exception error) when (AzureFault.IsFromService(error))
        {
            throw Fault("read", error);
        }
    }

    private SanaException Fault(string verb, Exception error)
    {
        var place = $"container {container.Uri.GetLeftPart(UriPartial.Path)}/{prefix}".TrimEnd('/');
        return new SanaException(AzureFault.From(verb, container.Uri, place, error).Message, error);
    }

    // Hidden files are left out, as a folder source does.
    private static string? LeftOut(string name) => !IsName(name) ? "name that is no path" : name.Split('/').Any(part => part.StartsWith('.'))
        ? SourceFile.Hidden : null;

    // An address with dots between slashes is folded on its way and would lead to another blob.
    private static bool IsName(string name) => name.Length > 0 && !name.Split('/').Any(part => part is "" or "." or "..") && !name.Any(char.IsControl);
}

/// <summary>
/// A blob that is read by ranges. What the service says on the way becomes what a source's reader knows: a blob that changed or went is an error of this file,
/// the rest one of the place.
/// </summary>
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
