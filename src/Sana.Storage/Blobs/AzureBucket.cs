using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Azure;
using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace Sana.Storage.Blobs;

/// <summary>A container of Azure Storage or Azurite. Blocks of a writer that was killed are dropped by the service after a week.</summary>
internal sealed class AzureBucket(BlobContainerClient container) : IBucket
{
    private const int SinglePutBytes = 256 * 1024 * 1024;

    // The query of an address with a signature is the secret.
    public string Place => $"container {container.Uri.GetLeftPart(UriPartial.Path)}";

    public bool NeedsProof => false;

    /// <summary>Makes the container if needed.</summary>
    /// <exception cref="SanaException">Nothing answers, or the container may not be used.</exception>
    public Task Make(CancellationToken cancellationToken) => Ask("open", async () =>
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

    public Task<bool> PutIfAbsent(string key, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => Ask("write", async () =>
    {
        try
        {
            await Upload(key, bytes, new BlobRequestConditions { IfNoneMatch = ETag.All }, cancellationToken);
            return true;
        }
        catch (RequestFailedException error) when (error.Status is 409 or 412 && error.ErrorCode is "BlobAlreadyExists" or "ConditionNotMet")
        {
            return false;
        }
    });

    public Task Put(string key, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
        Ask("write", async () => await Upload(key, bytes, conditions: null, cancellationToken));

    public Task<byte[]?> Read(string key, CancellationToken cancellationToken) => Ask<byte[]?>("read", async () =>
    {
        try
        {
            BlobDownloadResult content = await container.GetBlobClient(key).DownloadContentAsync(cancellationToken);
            return content.Content.ToArray();
        }
        catch (RequestFailedException error) when (error.ErrorCode == "BlobNotFound")
        {
            return null;
        }
    });

    public async Task Write(string key, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        var blob = container.GetBlockBlobClient(key);
#pragma warning disable CA5351 // Content-MD5 is the header that the storage service defines; it finds damage, it keeps no secret.
        using var md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
#pragma warning restore CA5351
        await using var blocks = new BlockStream<string>(async (number, bytes) =>
        {
            // Names that follow from the place: two writers of the same bytes stage the same blocks.
            var name = Convert.ToBase64String(Encoding.ASCII.GetBytes(number.ToString("d8", CultureInfo.InvariantCulture)));
            md5.AppendData(bytes.Span);
            await blob.StageBlockAsync(name, BytesStream.Of(bytes), cancellationToken: cancellationToken);
            return name;
        });
        await Ask("write", async () =>
        {
            await write(blocks, cancellationToken);
            var names = await blocks.Finish();
            var headers = new BlobHttpHeaders { ContentType = BlobContent.Type(key), ContentHash = md5.GetHashAndReset() };
            return await blob.CommitBlockListAsync(names, new CommitBlockListOptions { HttpHeaders = headers }, cancellationToken);
        });
    }

    public Task<Stream?> Open(string key, int bufferBytes, CancellationToken cancellationToken) => Ask<Stream?>("read", async () =>
    {
        var blob = container.GetBlobClient(key);
        try
        {
            BlobProperties there = await blob.GetPropertiesAsync(cancellationToken: cancellationToken);
            return new RangedStream(there.ContentLength, bufferBytes, (offset, into, cancellation) => Fill(blob, there.ETag, offset, into, cancellation));
        }
        catch (RequestFailedException error) when (error.Status == 404 && error.ErrorCode != "ContainerNotFound")
        {
            return null;
        }
    });

    public Task<bool> Exists(string key, CancellationToken cancellationToken) =>
        Ask("read", async () => (await container.GetBlobClient(key).ExistsAsync(cancellationToken)).Value);

    public Task Delete(string key, CancellationToken cancellationToken) =>
        Ask("delete", async () => (await container.GetBlobClient(key).DeleteIfExistsAsync(cancellationToken: cancellationToken)).Value);

    public async IAsyncEnumerable<BlobEntry> List(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var options = new GetBlobsOptions { Prefix = prefix, Traits = BlobTraits.Metadata };
        await using var blobs = container.GetBlobsAsync(options, cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await Ask("list", async () => await blobs.MoveNextAsync()))
        {
            var blob = blobs.Current;
            // Accounts with a hierarchy list their folders as blobs of no length.
            if (blob.Metadata?.ContainsKey("hdi_isfolder") != true)
                yield return new BlobEntry(blob.Name, blob.Properties.ContentLength ?? 0, $"{blob.Properties.ETag}", blob.Properties.LastModified ?? default);
        }
    }

    private async Task<BlobContentInfo> Upload(string key, ReadOnlyMemory<byte> bytes, BlobRequestConditions? conditions, CancellationToken cancellationToken)
    {
        var options = new BlobUploadOptions
        {
            Conditions = conditions,
            HttpHeaders = new BlobHttpHeaders { ContentType = BlobContent.Type(key), ContentHash = BlobContent.Md5(bytes.Span) },
            TransferOptions = new StorageTransferOptions { InitialTransferSize = SinglePutBytes },
        };
        return await container.GetBlobClient(key).UploadAsync(BinaryData.FromBytes(bytes), options, cancellationToken);
    }

    private async Task Fill(BlobClient blob, ETag version, long offset, Memory<byte> into, CancellationToken cancellationToken) => await Ask("read", async () =>
    {
        try
        {
            var options = new BlobDownloadOptions { Range = new HttpRange(offset, into.Length), Conditions = new BlobRequestConditions { IfMatch = version } };
            using BlobDownloadStreamingResult content = await blob.DownloadStreamingAsync(options, cancellationToken);
            await content.Content.ReadExactlyAsync(into, cancellationToken);
            return true;
        }
        catch (RequestFailedException error) when (error.Status is 404 or 412)
        {
            throw new ObjectChangedException(error);
        }
    });

    private async Task<T> Ask<T>(string verb, Func<Task<T>> request)
    {
        try
        {
            return await request();
        }
        catch (Exception error) when (AzureFault.IsFromService(error))
        {
            throw AzureFault.From(verb, container.Uri, Place, error);
        }
    }

}
