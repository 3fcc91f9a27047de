using Amazon.Runtime;
using Amazon.S3;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Blobs;

[CollectionDefinition("buckets")]
public sealed class BucketsCollection : ICollectionFixture<BucketsFixture>;

/// <summary>One store of each protocol for all tests that want one, started for the first that does.</summary>
public sealed class BucketsFixture : IAsyncDisposable
{
    private readonly Lazy<Task<CephGateway>> _ceph = new(CephGateway.Start);
    private readonly Lazy<Task<GoogleStorageServer>> _google = new(GoogleStorageServer.Start);

    public BucketsFixture()
    {
        // The clients take keys from the environment only, and so do the programs that the tests start.
        Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", CephGateway.AccessKey);
        Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", CephGateway.SecretKey);
        Environment.SetEnvironmentVariable("AWS_EC2_METADATA_DISABLED", "true");
    }

    public async ValueTask DisposeAsync()
    {
        if (_ceph.IsValueCreated)
            await (await _ceph.Value).DisposeAsync();
        if (_google.IsValueCreated)
            await (await _google.Value).DisposeAsync();
    }

    public async Task<string> Endpoint() => (await _ceph.Value).Endpoint;

    /// <summary>The place of a new bucket.</summary>
    public async Task<string> NewS3(string prefix = "")
    {
        var bucket = $"sana-{Guid.NewGuid():N}";
        using var client = await Client();
        await client.PutBucketAsync(bucket);
        return $"s3://{bucket}{prefix}?endpoint={await Endpoint()}";
    }

    public async Task<AmazonS3Client> Client() => new(new AmazonS3Config
    {
        ServiceURL = await Endpoint(),
        ForcePathStyle = true,
        HttpClientFactory = new S3Connections(),
        AuthenticationRegion = "us-east-1",
        RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
    });

    /// <summary>The place of a new bucket.</summary>
    public async Task<string> NewGoogle(string prefix = "")
    {
        var google = await _google.Value;
        Environment.SetEnvironmentVariable("STORAGE_EMULATOR_HOST", google.Address);
        var bucket = $"sana-{Guid.NewGuid():N}";
        google.Make(bucket);
        return $"gs://{bucket}{prefix}";
    }
}
