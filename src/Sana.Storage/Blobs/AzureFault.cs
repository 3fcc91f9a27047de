using Azure;
using Azure.Identity;

namespace Sana.Storage.Blobs;

/// <summary>What the storage service, the network or the sign-in said, as a sentence with the fix and without the request's headers.</summary>
internal static class AzureFault
{
    public static bool IsFromService(Exception error) => error switch
    {
        RequestFailedException or AuthenticationFailedException or HttpRequestException or IOException => true,
        AggregateException many => many.InnerExceptions.All(IsFromService),
        // A request that ran into the client's own time limit; a cancellation from outside carries its token.
        TaskCanceledException { CancellationToken.CanBeCanceled: false } => true,
        _ => false,
    };

    public static SanaException From(string verb, Uri address, string place, Exception error)
    {
        var first = error is AggregateException many ? many.InnerExceptions[0] : error;
        return first switch
        {
            AuthenticationFailedException => new SanaException(
                $"Cannot {verb} {place}: nobody is signed in; run 'az login', give the machine an identity, or use a connection string or an address with a signature.", error),
            RequestFailedException { Status: 0 } or HttpRequestException or TaskCanceledException when address.IsLoopback => new SanaException(
                $"Cannot {verb} {place}: nothing answers at {address.GetLeftPart(UriPartial.Authority)}; start Azurite with 'npx azurite-blob --location .azurite' and run the same command again.",
                error),
            RequestFailedException { Status: 0 } or HttpRequestException or TaskCanceledException => new SanaException(
                $"Cannot {verb} {place}: {address.Host} does not answer; check the account's name and the network and run the same command again.", error),
            RequestFailedException { Status: 401 or 403 } denied => new SanaException(
                $"Cannot {verb} {place}: the service refuses ({denied.ErrorCode}); the identity needs the role Storage Blob Data Contributor, a signature the rights racwl.", error),
            RequestFailedException failed => new SanaException(
                $"Cannot {verb} {place}: the service answers {failed.Status} {failed.ErrorCode}; run the same command again.", error),
            _ => new SanaException($"Cannot {verb} {place}: the connection broke ({first.GetType().Name}); run the same command again.", error),
        };
    }
}

/// <summary>
/// A blob that is read by ranges. A blob that changed or went on the way is an <see cref="IOException"/>, the rest a fault of the place.
/// </summary>
internal sealed class AzureReadStream(Stream blob, Func<Exception, SanaException> fault) : Stream
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
        error is RequestFailedException { Status: 404 or 412 } ? new ObjectChangedException(error) : fault(error);
}
