using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Azure;
using Azure.Identity;
using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace Sana.Storage.Blobs;

/// <summary>
/// Blobs in a container of Azure Storage or Azurite. Each is one Put Blob request, so it appears whole; <c>If-None-Match: *</c> makes it if-absent. After a
/// lost answer the retried request may find the blob of its own first try and report false: the bytes are there either way.
/// </summary>
public sealed class AzureBlobs : IBlobs
{
    private const int SinglePutBytes = 256 * 1024 * 1024;
    private const int ReadAheadBytes = 1024 * 1024;

    private readonly BlobContainerClient _container;
    private readonly string _prefix;

    private AzureBlobs(BlobContainerClient container, string prefix)
    {
        _container = container;
        _prefix = prefix;
    }

    /// <inheritdoc/>
    public string Place => $"container {Visible(_container)}/{_prefix}".TrimEnd('/');

    /// <summary>Opens the container and makes it if needed.</summary>
    /// <param name="container">The client, with its credentials.</param>
    /// <param name="prefix">Put before every name: empty, or a path that ends with a slash.</param>
    /// <param name="cancellationToken">Stops the attempt.</param>
    /// <exception cref="SanaException">Nothing answers, or the container may not be used.</exception>
    public static async Task<AzureBlobs> Open(BlobContainerClient container, string prefix, CancellationToken cancellationToken)
    {
        var blobs = new AzureBlobs(container, prefix);
        await blobs.Ask("open", async () =>
        {
            try
            {
                return await container.CreateIfNotExistsAsync(cancellationToken: cancellationToken);
            }
            catch (RequestFailedException error) when (error.Status == 403)
            {
                // A signature for one container may write blobs without the right to make containers: its first put tells.
                return null;
            }
        });
        return blobs;
    }

    /// <inheritdoc/>
    public Task<bool> PutIfAbsent(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        var blob = Blob(name);
        return Ask("write", async () =>
        {
            try
            {
                await Upload(blob, name, bytes, new BlobRequestConditions { IfNoneMatch = ETag.All }, cancellationToken);
                return true;
            }
            catch (RequestFailedException error) when (error.Status is 409 or 412 && error.ErrorCode is "BlobAlreadyExists" or "ConditionNotMet")
            {
                return false;
            }
        });
    }

    /// <inheritdoc/>
    public Task Put(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        var blob = Blob(name);
        return Ask("write", async () => await Upload(blob, name, bytes, conditions: null, cancellationToken));
    }

    /// <inheritdoc/>
    public Task<byte[]?> Read(string name, CancellationToken cancellationToken)
    {
        var blob = Blob(name);
        return Ask<byte[]?>("read", async () =>
        {
            try
            {
                BlobDownloadResult content = await blob.DownloadContentAsync(cancellationToken);
                return content.Content.ToArray();
            }
            catch (RequestFailedException error) when (error.ErrorCode == "BlobNotFound")
            {
                return null;
            }
        });
    }

    /// <inheritdoc/>
    public async Task Write(string name, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        BlobName.Check(name);
        await using var blocks = new BlockStream(_container.GetBlockBlobClient(_prefix + name), BlobContent.Type(name), cancellationToken);
        await Ask("write", async () =>
        {
            await write(blocks, cancellationToken);
            await blocks.Commit();
            return true;
        });
    }

    /// <inheritdoc/>
    public Task<Stream?> Open(string name, CancellationToken cancellationToken)
    {
        var blob = Blob(name);
        return Ask<Stream?>("read", async () =>
        {
            try
            {
                return await blob.OpenReadAsync(new BlobOpenReadOptions(allowModifications: false) { BufferSize = ReadAheadBytes }, cancellationToken);
            }
            catch (RequestFailedException error) when (error.ErrorCode == "BlobNotFound")
            {
                return null;
            }
        });
    }

    /// <inheritdoc/>
    public Task<bool> Exists(string name, CancellationToken cancellationToken)
    {
        var blob = Blob(name);
        return Ask("read", async () => (await blob.ExistsAsync(cancellationToken)).Value);
    }

    /// <inheritdoc/>
    public Task Delete(string name, CancellationToken cancellationToken)
    {
        var blob = Blob(name);
        return Ask("delete", async () => (await blob.DeleteIfExistsAsync(cancellationToken: cancellationToken)).Value);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<BlobEntry> List(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        BlobName.CheckPrefix(prefix);
        var options = new GetBlobsOptions { Prefix = _prefix + prefix };
        await using var blobs = _container.GetBlobsAsync(options, cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await Ask("list", async () => await blobs.MoveNextAsync()))
        {
            var name = blobs.Current.Name[_prefix.Length..];
            if (BlobName.IsValid(name))
                yield return new BlobEntry(name, blobs.Current.Properties.ContentLength ?? 0, $"{blobs.Current.Properties.ETag}", blobs.Current.Properties.LastModified ?? default);
        }
    }

    private static async Task<BlobContentInfo> Upload(
        BlobClient blob, string name, ReadOnlyMemory<byte> bytes, BlobRequestConditions? conditions, CancellationToken cancellationToken)
    {
        var options = new BlobUploadOptions
        {
            Conditions = conditions,
            HttpHeaders = new BlobHttpHeaders { ContentType = BlobContent.Type(name), ContentHash = ContentMd5(bytes.Span) },
            TransferOptions = new StorageTransferOptions { InitialTransferSize = SinglePutBytes },
        };
        return await blob.UploadAsync(BinaryData.FromBytes(bytes), options, cancellationToken);
    }

    // Content-MD5 is the header that the storage service defines; it finds damage, it keeps no secret.
#pragma warning disable CA5351
    private static byte[] ContentMd5(ReadOnlySpan<byte> bytes) => MD5.HashData(bytes);
#pragma warning restore CA5351

    private BlobClient Blob(string name)
    {
        BlobName.Check(name);
        return _container.GetBlobClient(_prefix + name);
    }

    private async Task<T> Ask<T>(string verb, Func<Task<T>> request)
    {
        try
        {
            return await request();
        }
        catch (Exception error) when (AzureFault.IsFromService(error))
        {
            throw AzureFault.From(verb, _container.Uri, Place, error);
        }
    }

    // The query of an address with a signature is the secret.
    private static string Visible(BlobContainerClient container) => container.Uri.GetLeftPart(UriPartial.Path);
}

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
