using Amazon.S3.Model;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Blobs;

/// <summary>What is said of buckets that cannot be used, each by a store or an environment that really is so.</summary>
[Collection("buckets")]
public sealed class BucketTests(BucketsFixture buckets)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("s3://my-bucket")]
    [InlineData("s3://my.bucket/some/prefix/")]
    [InlineData("s3://my-bucket/x?endpoint=http://127.0.0.1:9000&region=eu-central-1")]
    [InlineData("s3://my-bucket?endpoint=https%3A%2F%2Fstore.example.org%2Fpath")]
    [InlineData("gs://my_bucket")]
    [InlineData("gs://my-bucket/some/prefix")]
    public void Known_forms_are_read(string text)
    {
        Assert.NotNull(BlobPlace.Parse(text));
        Assert.False(BlobPlace.IsFolder(text));
    }

    [Theory]
    [InlineData("s3://")]
    [InlineData("s3://A")]
    [InlineData("s3://key:secret@bucket/x")]
    [InlineData("s3://bucket/../x")]
    [InlineData("s3://bucket/x?endpoint=ftp://host")]
    [InlineData("s3://bucket/x?endpoint=https://key:secret@host")]
    [InlineData("s3://bucket/x?secret=secret")]
    [InlineData("s3://bucket--usw2-az1--x-s3/x")]
    [InlineData("gs://bucket/x?endpoint=https://host&key=secret")]
    [InlineData("gs://")]
    public void Others_are_refused_without_their_secrets(string text)
    {
        var error = Assert.Throws<SanaException>(() => BlobPlace.Parse(text));

        Assert.DoesNotContain("secret@", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("=secret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_proof_is_no_blob_and_is_made_once()
    {
        var place = await buckets.NewS3();

        var blobs = await BlobPlace.Parse(place).Open(Cancellation);
        await BlobPlace.Parse(place).Open(Cancellation);

        Assert.Empty(await Tree.Of(blobs, ""));
        using var client = await buckets.Client();
        var there = await client.ListObjectsV2Async(new ListObjectsV2Request { BucketName = Name(place) }, Cancellation);
        Assert.Equal([".sana/conditional-put"], there.S3Objects.Select(item => item.Key));
    }

    [Fact]
    public async Task A_store_that_ignores_conditions_is_refused()
    {
        await using var server = await GoogleStorageServer.Start();
        server.Make("careless");
        server.IgnoresConditions = true;
        var bucket = new GoogleBucket(Unsigned(server), "careless");

        var error = await Assert.ThrowsAsync<SanaException>(() => BucketBlobs.Open(bucket, "p/", Cancellation));

        Assert.Contains("gs://careless/p cannot hold outputs: of 3 writers of one name", error.Message, StringComparison.Ordinal);
        // And again, for nothing of the attempt is left that would look like a kept condition.
        await Assert.ThrowsAsync<SanaException>(() => BucketBlobs.Open(bucket, "p/", Cancellation));
    }

    [Fact]
    public async Task Who_may_only_read_reads_and_is_refused_at_the_first_write()
    {
        await using var server = await GoogleStorageServer.Start();
        server.Make("readable");
        var bucket = new GoogleBucket(Unsigned(server), "readable");
        server.Refusal = 403;
        var blobs = await BucketBlobs.Open(bucket, "", Cancellation);

        var refused = await Assert.ThrowsAnyAsync<SanaException>(() => blobs.PutIfAbsent("a", new byte[1], Cancellation));
        server.Refusal = 0;
        server.IgnoresConditions = true;
        var careless = await Assert.ThrowsAsync<SanaException>(() => blobs.PutIfAbsent("a", new byte[1], Cancellation));

        Assert.Contains("writing Storage Object User", refused.Message, StringComparison.Ordinal);
        Assert.Contains("ignores conditions", careless.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bucket_that_is_not_there_is_one_sentence()
    {
        await buckets.NewGoogle();
        var endpoint = await buckets.Endpoint();

        var amazon = await Assert.ThrowsAsync<SanaException>(() => BlobPlace.Parse($"s3://nowhere-at-all?endpoint={endpoint}").Open(Cancellation));
        var google = await Assert.ThrowsAsync<SanaException>(() => BlobPlace.Parse("gs://nowhere-at-all").Open(Cancellation));

        Assert.Contains("there is no such bucket; make it", amazon.Message, StringComparison.Ordinal);
        Assert.Contains("there is no such bucket; make it", google.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_at_the_port_is_one_sentence()
    {
        // Port 9 is discard: nothing listens there.
        var error = await Assert.ThrowsAsync<SanaException>(() => BlobPlace.Parse("s3://some-bucket?endpoint=http://127.0.0.1:9").Open(Cancellation));

        Assert.Contains("Cannot write bucket s3://some-bucket: the service does not answer (Connection refused", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wrong_keys_are_one_sentence()
    {
        var place = await buckets.NewS3();
        using var wrong = new Amazon.S3.AmazonS3Client("nobody", "wrong", new Amazon.S3.AmazonS3Config { ServiceURL = await buckets.Endpoint(), ForcePathStyle = true, AuthenticationRegion = "us-east-1", HttpClientFactory = new S3Connections() });

        var error = await Assert.ThrowsAsync<SanaException>(() => BucketBlobs.Open(new Sana.Storage.Blobs.S3Bucket(wrong, Name(place)), "", Cancellation));

        Assert.Contains("the service does not know the keys (InvalidAccessKeyId); check AWS_ACCESS_KEY_ID", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("RequestTimeTooSkewed", 403, "the clock of this machine is off by more than the service allows")]
    [InlineData("ExpiredToken", 400, "the keys have expired; give fresh ones")]
    [InlineData("AccessDenied", 403, "the service refuses (AccessDenied); reading needs the rights s3:GetObject")]
    [InlineData("AuthorizationHeaderMalformed", 400, "the bucket is in another region; add ?region=NAME")]
    [InlineData("QuotaExceeded", 403, "the bucket is full; make room")]
    [InlineData("NotImplemented", 501, "so it cannot hold outputs")]
    [InlineData("SlowDown", 503, "the service answers 503 SlowDown")]
    public void Answers_of_S3_that_its_store_here_does_not_give_have_their_sentences(string code, int status, string sentence)
    {
        var answer = new Amazon.S3.AmazonS3Exception("words") { ErrorCode = code, StatusCode = (System.Net.HttpStatusCode)status };

        Assert.Contains(sentence, S3Fault.From("write", "bucket s3://b", answer).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nobody_signed_in_is_said_with_the_ways_in() => Assert.Contains(
        "nobody is signed in; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        S3Fault.From("write", "bucket s3://b", new Amazon.Runtime.AmazonClientException("Failed to resolve AWS credentials.")).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData(401, "the sign-in is not accepted or was revoked")]
    [InlineData(400, "the service answers 400")]
    public async Task What_the_service_refuses_is_one_sentence(int status, string sentence)
    {
        await using var server = await GoogleStorageServer.Start();
        server.Refusal = status;

        var error = await Assert.ThrowsAsync<SanaException>(() => BucketBlobs.Open(new GoogleBucket(Unsigned(server), "any"), "", Cancellation));

        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("s3")]
    [InlineData("gs")]
    public async Task A_blob_that_changes_while_it_is_read_is_an_error_and_never_a_mixture(string kind)
    {
        var blobs = await BlobPlace.Parse(kind == "s3" ? await buckets.NewS3() : await buckets.NewGoogle()).Open(Cancellation);
        await blobs.Put("a.bin", Enumerable.Repeat((byte)1, 3_000_000).ToArray(), Cancellation);
        await using var stream = await blobs.Open("a.bin", Cancellation);
        Assert.Equal(1, stream!.ReadByte());

        await blobs.Put("a.bin", Enumerable.Repeat((byte)2, 3_000_000).ToArray(), Cancellation);
        stream.Position = 2_000_000;

        await Assert.ThrowsAnyAsync<IOException>(async () => await stream.ReadExactlyAsync(new byte[10], Cancellation));
    }

    [Fact]
    public async Task An_upload_that_fails_leaves_no_parts()
    {
        var place = await buckets.NewS3();
        var blobs = await BlobPlace.Parse(place).Open(Cancellation);

        await Assert.ThrowsAsync<InvalidDataException>(() => blobs.Write("big", async (stream, cancellation) =>
        {
            await stream.WriteAsync(new byte[9_000_000], cancellation);
            throw new InvalidDataException();
        }, Cancellation));

        using var client = await buckets.Client();
        var uploads = await client.ListMultipartUploadsAsync(new ListMultipartUploadsRequest { BucketName = Name(place) }, Cancellation);
        Assert.Empty(uploads.MultipartUploads ?? []);
    }

    private static Google.Cloud.Storage.V1.StorageClient Unsigned(GoogleStorageServer server) =>
        new Google.Cloud.Storage.V1.StorageClientBuilder { BaseUri = $"{server.Address}/storage/v1/", UnauthenticatedAccess = true }.Build();

    private static string Name(string place) => place["s3://".Length..].Split('?', '/')[0];
}
