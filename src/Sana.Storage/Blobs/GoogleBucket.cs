using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using Google;
using Google.Api.Gax;
using Google.Apis.Auth.OAuth2.Responses;
using Google.Cloud.Storage.V1;
using GoogleObject = Google.Apis.Storage.v1.Data.Object;

namespace Sana.Storage.Blobs;

/// <summary>
/// A bucket of Google Cloud Storage, or of an emulator at <c>STORAGE_EMULATOR_HOST</c>. What a writer that was killed had sent is dropped by the service after
/// a week.
/// </summary>
internal sealed class GoogleBucket(StorageClient client, string bucket) : IBucket
{
    private const int ChunkBytes = 8 * 1024 * 1024;

    public string Place => $"bucket {BucketAddress.Google}{bucket}";

    public bool NeedsProof => true;

    /// <summary>A client with the application's default credentials. Nothing is contacted yet but what gives the credentials.</summary>
    /// <exception cref="SanaException">Nobody is signed in.</exception>
    public static GoogleBucket Of(BucketAddress address)
    {
        try
        {
            return new GoogleBucket(new StorageClientBuilder { EmulatorDetection = EmulatorDetection.EmulatorOrProduction }.Build(), address.Bucket);
        }
        catch (Exception error) when (error is InvalidOperationException or IOException)
        {
            throw new SanaException(
                $"Cannot open bucket {BucketAddress.Google}{address.Bucket}: nobody is signed in; run 'gcloud auth application-default login', set GOOGLE_APPLICATION_CREDENTIALS to the file of a service account, or give the machine one.", error);
        }
    }

    public Task<bool> PutIfAbsent(string key, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => Ask("write", async () =>
    {
        try
        {
            await Upload(key, bytes, new UploadObjectOptions { IfGenerationMatch = 0 }, cancellationToken);
            return true;
        }
        catch (GoogleApiException error) when (error.HttpStatusCode == HttpStatusCode.PreconditionFailed)
        {
            return false;
        }
    });

    public Task Put(string key, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
        Ask("write", () => Upload(key, bytes, new UploadObjectOptions(), cancellationToken));

    public Task<byte[]?> Read(string key, CancellationToken cancellationToken) => Ask<byte[]?>("read", async () =>
    {
        try
        {
            using var content = new MemoryStream();
            await client.DownloadObjectAsync(bucket, key, content, cancellationToken: cancellationToken);
            return content.ToArray();
        }
        catch (GoogleApiException error) when (IsAbsent(error))
        {
            return null;
        }
    });

    public async Task Write(string key, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 2 * ChunkBytes, resumeWriterThreshold: ChunkBytes, minimumSegmentSize: 64 * 1024, useSynchronizationContext: false));
        using var failed = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var hasFailed = false;
        var upload = Upload();
        try
        {
            await write(pipe.Writer.AsStream(leaveOpen: true), failed.Token);
            await pipe.Writer.CompleteAsync();
        }
        catch (Exception error)
        {
            var isUploads = hasFailed;
            // An upload that breaks off makes no object.
            await pipe.Writer.CompleteAsync(error);
            await Task.WhenAny(upload);
            if (isUploads)
                await upload;
            throw;
        }

        await upload;

        async Task Upload()
        {
            try
            {
                await Ask("write", () => client.UploadObjectAsync(
                    new GoogleObject { Bucket = bucket, Name = key, ContentType = BlobContent.Type(key) }, pipe.Reader.AsStream(), new UploadObjectOptions { ChunkSize = ChunkBytes }, cancellationToken));
            }
            catch
            {
                // Nobody writes on for an upload that has failed.
                hasFailed = true;
                await failed.CancelAsync();
                throw;
            }
            finally
            {
                await pipe.Reader.CompleteAsync();
            }
        }
    }

    public Task<Stream?> Open(string key, int bufferBytes, CancellationToken cancellationToken) => Ask<Stream?>("read", async () =>
    {
        try
        {
            var there = await client.GetObjectAsync(bucket, key, cancellationToken: cancellationToken);
            return new RangedStream((long)(there.Size ?? 0), bufferBytes, (offset, into, cancellation) => Fill(key, there.Generation, offset, into, cancellation));
        }
        catch (GoogleApiException error) when (IsAbsent(error))
        {
            return null;
        }
    });

    public Task<bool> Exists(string key, CancellationToken cancellationToken) => Ask("read", async () =>
    {
        try
        {
            await client.GetObjectAsync(bucket, key, cancellationToken: cancellationToken);
            return true;
        }
        catch (GoogleApiException error) when (IsAbsent(error))
        {
            return false;
        }
    });

    public Task Delete(string key, CancellationToken cancellationToken) => Ask("delete", async () =>
    {
        try
        {
            await client.DeleteObjectAsync(bucket, key, cancellationToken: cancellationToken);
            return true;
        }
        catch (GoogleApiException error) when (IsAbsent(error))
        {
            return false;
        }
    });

    public async IAsyncEnumerable<BlobEntry> List(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var objects = client.ListObjectsAsync(bucket, prefix).GetAsyncEnumerator(cancellationToken);
        while (await Ask("list", async () => await objects.MoveNextAsync()))
        {
            var item = objects.Current;
            // Consoles make an object of no length for a folder.
            if (!item.Name.EndsWith('/'))
                yield return new BlobEntry(item.Name, (long)(item.Size ?? 0), $"{item.Generation}", item.UpdatedDateTimeOffset ?? default);
        }
    }

    private static bool IsAbsent(GoogleApiException error) => error.HttpStatusCode == HttpStatusCode.NotFound && !IsNoBucket(error);

    // The service says which of the two is missing in words only.
    private static bool IsNoBucket(GoogleApiException error) => error.Error?.Message?.Contains("bucket does not exist", StringComparison.OrdinalIgnoreCase) == true;

    private Task<GoogleObject> Upload(string key, ReadOnlyMemory<byte> bytes, UploadObjectOptions options, CancellationToken cancellationToken) => client.UploadObjectAsync(
        new GoogleObject { Bucket = bucket, Name = key, ContentType = BlobContent.Type(key), Md5Hash = Convert.ToBase64String(BlobContent.Md5(bytes.Span)) },
        BytesStream.Of(bytes),
        options,
        cancellationToken);

    private async Task Fill(string key, long? generation, long offset, Memory<byte> into, CancellationToken cancellationToken) => await Ask("read", async () =>
    {
        try
        {
            using var content = new MemoryStream(into.Length);
            var options = new DownloadObjectOptions
            {
                Range = new RangeHeaderValue(offset, offset + into.Length - 1),
                IfGenerationMatch = generation,
                // The checksum that comes along is the whole object's.
                DownloadValidationMode = DownloadValidationMode.Never,
            };
            await client.DownloadObjectAsync(bucket, key, content, options, cancellationToken);
            if (content.Length != into.Length)
                throw new IOException($"{content.Length} of {into.Length} bytes came");
            content.GetBuffer().AsMemory(0, into.Length).CopyTo(into);
            return true;
        }
        catch (GoogleApiException error) when (error.HttpStatusCode is HttpStatusCode.NotFound or HttpStatusCode.PreconditionFailed)
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
        catch (Exception error) when (IsFromService(error))
        {
            throw Fault(verb, error);
        }
    }

    private static bool IsFromService(Exception error) => error switch
    {
        ObjectChangedException => false,
        GoogleApiException or TokenResponseException or HttpRequestException or IOException => true,
        // A request that ran into the client's own time limit; a cancellation from outside carries its token.
        TaskCanceledException { CancellationToken.CanBeCanceled: false } => true,
        _ => false,
    };

    private SanaException Fault(string verb, Exception error) => error switch
    {
        GoogleApiException missing when IsNoBucket(missing) => new SanaException(
            $"Cannot {verb} {Place}: there is no such bucket; make it ('gcloud storage buckets create') or correct the name.", error),
        GoogleApiException { HttpStatusCode: HttpStatusCode.Unauthorized } or TokenResponseException => new SanaException(
            $"Cannot {verb} {Place}: the sign-in is not accepted or was revoked; run 'gcloud auth application-default login' or give another service account, and see that the clock is right.", error),
        GoogleApiException { HttpStatusCode: HttpStatusCode.Forbidden } => new BucketRefusal(
            $"Cannot {verb} {Place}: the service refuses; reading needs the role Storage Object Viewer, writing Storage Object User.", error),
        GoogleApiException { HttpStatusCode: not 0 } failed => new SanaException(
            $"Cannot {verb} {Place}: the service answers {(int)failed.HttpStatusCode} {failed.Error?.Message}; run the same command again.", error),
        _ => new SanaException($"Cannot {verb} {Place}: the service does not answer ({error.Message.TrimEnd('.')}); check the network and run the same command again.", error),
    };
}
