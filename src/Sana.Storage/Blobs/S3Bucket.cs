using System.Net;
using System.Runtime.CompilerServices;
using Amazon;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;

namespace Sana.Storage.Blobs;

/// <summary>
/// A bucket of Amazon S3 or of a service that speaks its protocol. Parts of a writer that was killed stay until a lifecycle rule of the bucket removes them
/// (<c>AbortIncompleteMultipartUpload</c>).
/// </summary>
internal sealed class S3Bucket(IAmazonS3 client, string bucket) : IBucket
{
    // A store may answer that a writer of the same key is at work; then the key is free or taken a moment later.
    private const int ConflictTries = 10;
    private const int ReadTries = 4;
    private static readonly TimeSpan _conflictPause = TimeSpan.FromMilliseconds(50);

    public string Place => $"bucket {BucketAddress.S3}{bucket}";

    public bool NeedsProof => true;

    /// <summary>A client with the keys, the profile or the role that the environment gives. Nothing is contacted yet.</summary>
    /// <exception cref="SanaException">The environment names a profile or an address that cannot be used.</exception>
    public static S3Bucket Of(BucketAddress address)
    {
        var endpoint = address.Endpoint ?? Configured("AWS_ENDPOINT_URL_S3") ?? Configured("AWS_ENDPOINT_URL");
        var config = new AmazonS3Config
        {
            // The service answers at once or does not run; a remote one may fail for a moment.
            RetryMode = RequestRetryMode.Standard,
            MaxErrorRetry = endpoint?.IsLoopback == true ? 2 : 6,
            Timeout = TimeSpan.FromSeconds(100),
            HttpClientFactory = new S3Connections(),
            // Checksums of the vendor's own kind are not known elsewhere; every upload carries Content-MD5, which all check.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
        };
        try
        {
            if (endpoint is null)
            {
                config.RegionEndpoint = address.Region is { } region ? RegionEndpoint.GetBySystemName(region) : config.RegionEndpoint ?? RegionEndpoint.USEast1;
            }
            else
            {
                // Names of buckets are no names of hosts there.
                config.ServiceURL = endpoint.AbsoluteUri;
                config.ForcePathStyle = true;
                config.AuthenticationRegion = address.Region ?? Environment.GetEnvironmentVariable("AWS_REGION") ?? "us-east-1";
            }

            return new S3Bucket(new AmazonS3Client(config), address.Bucket);
        }
        catch (AmazonClientException error)
        {
            throw S3Fault.From("open", $"bucket {BucketAddress.S3}{address.Bucket}", error);
        }
    }

    public Task<bool> PutIfAbsent(string key, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => Ask("write", async () =>
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await Upload(key, bytes, ifNoneMatch: "*", cancellationToken);
                return true;
            }
            catch (AmazonS3Exception error) when (error.StatusCode == HttpStatusCode.PreconditionFailed)
            {
                return false;
            }
            catch (AmazonS3Exception error) when (error.StatusCode == HttpStatusCode.Conflict && attempt < ConflictTries)
            {
                await Task.Delay(_conflictPause * attempt, cancellationToken);
            }
        }
    });

    public Task Put(string key, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
        Ask("write", () => Upload(key, bytes, ifNoneMatch: null, cancellationToken));

    public Task<byte[]?> Read(string key, CancellationToken cancellationToken) => AskForBytes<byte[]?>(async () =>
    {
        try
        {
            using var answer = await client.GetObjectAsync(new GetObjectRequest { BucketName = bucket, Key = key }, cancellationToken);
            var bytes = new byte[answer.ContentLength];
            await answer.ResponseStream.ReadExactlyAsync(bytes, cancellationToken);
            return bytes;
        }
        catch (AmazonS3Exception error) when (IsAbsent(error))
        {
            return null;
        }
    });

    public async Task Write(string key, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        Task<string>? upload = null;
        var last = ReadOnlyMemory<byte>.Empty;
        await using var blocks = new BlockStream<PartETag?>(Stage);
        await Ask("write", async () =>
        {
            try
            {
                await write(blocks, cancellationToken);
                var parts = await blocks.Finish();
                if (upload is null)
                    return await Upload(key, last, ifNoneMatch: null, cancellationToken);
                var complete = new CompleteMultipartUploadRequest { BucketName = bucket, Key = key, UploadId = await upload, PartETags = [.. parts] };
                return (await client.CompleteMultipartUploadAsync(complete, cancellationToken)).ETag;
            }
            catch when (upload is not null)
            {
                // A part that arrives after the abort would stay.
                await blocks.Settle();
                if (upload.IsCompletedSuccessfully)
                    await Abort(key, await upload);
                throw;
            }
        });

        // What fits a block is one request; the stream's memory is not used again after its only block.
        async Task<PartETag?> Stage(int number, ReadOnlyMemory<byte> bytes)
        {
            if (number == 0 && bytes.Length < BlockStream<PartETag?>.BlockBytes)
            {
                last = bytes;
                return null;
            }

            upload ??= Begin();
            var part = new UploadPartRequest
            {
                BucketName = bucket,
                Key = key,
                UploadId = await upload,
                PartNumber = number + 1,
                PartSize = bytes.Length,
                InputStream = BytesStream.Of(bytes),
                MD5Digest = Convert.ToBase64String(BlobContent.Md5(bytes.Span)),
                UseChunkEncoding = false,
            };
            return new PartETag(number + 1, (await client.UploadPartAsync(part, cancellationToken)).ETag);
        }

        async Task<string> Begin() => (await client.InitiateMultipartUploadAsync(
            new InitiateMultipartUploadRequest { BucketName = bucket, Key = key, ContentType = BlobContent.Type(key) }, cancellationToken)).UploadId;
    }

    public Task<Stream?> Open(string key, int bufferBytes, CancellationToken cancellationToken) => Ask<Stream?>("read", async () =>
    {
        try
        {
            var there = await client.GetObjectMetadataAsync(bucket, key, cancellationToken);
            return new RangedStream(there.ContentLength, bufferBytes, (offset, into, cancellation) => Fill(key, there.ETag, offset, into, cancellation));
        }
        catch (AmazonS3Exception error) when (IsAbsent(error))
        {
            return null;
        }
    });

    public Task<bool> Exists(string key, CancellationToken cancellationToken) => Ask("read", async () =>
    {
        try
        {
            await client.GetObjectMetadataAsync(bucket, key, cancellationToken);
            return true;
        }
        catch (AmazonS3Exception error) when (IsAbsent(error))
        {
            return false;
        }
    });

    public Task Delete(string key, CancellationToken cancellationToken) => Ask("delete", () => client.DeleteObjectAsync(bucket, key, cancellationToken));

    public async IAsyncEnumerable<BlobEntry> List(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var request = new ListObjectsV2Request { BucketName = bucket, Prefix = prefix };
        do
        {
            var page = await Ask("list", () => client.ListObjectsV2Async(request, cancellationToken));
            foreach (var item in page.S3Objects ?? [])
            {
                // Consoles make an object of no length for a folder.
                if (!item.Key.EndsWith('/'))
                    yield return new BlobEntry(item.Key, item.Size ?? 0, item.ETag, item.LastModified is { } modified ? new DateTimeOffset(modified.ToUniversalTime()) : default);
            }

            request.ContinuationToken = page.IsTruncated == true ? page.NextContinuationToken : null;
        }
        while (request.ContinuationToken is not null);
    }

    private static Uri? Configured(string name) => Environment.GetEnvironmentVariable(name) is not { Length: > 0 } text
        ? null
        : Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "https" or "http"
            ? address
            : throw new SanaException($"{name} is '{text}', which is no https address; correct it or unset it.");

    private static bool IsAbsent(AmazonS3Exception error) => error.StatusCode == HttpStatusCode.NotFound && error.ErrorCode != "NoSuchBucket";

    private async Task<string> Upload(string key, ReadOnlyMemory<byte> bytes, string? ifNoneMatch, CancellationToken cancellationToken)
    {
        var request = new PutObjectRequest
        {
            BucketName = bucket,
            Key = key,
            InputStream = BytesStream.Of(bytes),
            ContentType = BlobContent.Type(key),
            MD5Digest = Convert.ToBase64String(BlobContent.Md5(bytes.Span)),
            IfNoneMatch = ifNoneMatch,
            UseChunkEncoding = false,
        };
        return (await client.PutObjectAsync(request, cancellationToken)).ETag;
    }

    private async Task Fill(string key, string version, long offset, Memory<byte> into, CancellationToken cancellationToken) => await AskForBytes(async () =>
    {
        try
        {
            var request = new GetObjectRequest { BucketName = bucket, Key = key, ByteRange = new ByteRange(offset, offset + into.Length - 1), EtagToMatch = version };
            using var answer = await client.GetObjectAsync(request, cancellationToken);
            await answer.ResponseStream.ReadExactlyAsync(into, cancellationToken);
            return true;
        }
        catch (AmazonS3Exception error) when (error.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.PreconditionFailed)
        {
            throw new ObjectChangedException(error);
        }
    });

    private async Task Abort(string key, string upload)
    {
        try
        {
            await client.AbortMultipartUploadAsync(bucket, key, upload, CancellationToken.None);
        }
        catch (Exception error) when (S3Fault.IsFromService(error))
        {
            // The first error is the one to tell; the parts go by the bucket's lifecycle rule.
        }
    }

    // The client asks again until an answer begins; a connection that breaks in the middle of one is left to us.
    private Task<T> AskForBytes<T>(Func<Task<T>> request) => Ask("read", async () =>
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await request();
            }
            catch (IOException error) when (error is not ObjectChangedException && attempt < ReadTries)
            {
            }
        }
    });

    private async Task<T> Ask<T>(string verb, Func<Task<T>> request)
    {
        try
        {
            return await request();
        }
        catch (Exception error) when (S3Fault.IsFromService(error))
        {
            throw S3Fault.From(verb, Place, error);
        }
    }
}
