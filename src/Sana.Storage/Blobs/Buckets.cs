using System.Runtime.CompilerServices;

namespace Sana.Storage.Blobs;

/// <summary>The clients of buckets. Each vendor's is loaded only when such an address is used, which keeps the program's start short.</summary>
internal static class Buckets
{
    /// <exception cref="SanaException">The text is no address of a bucket, or nobody is signed in.</exception>
    public static IBucket Of(string text) => text.StartsWith(BucketAddress.S3, StringComparison.Ordinal)
        ? Amazon(BucketAddress.Parse(text))
        : Google(BucketAddress.Parse(text));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static S3Bucket Amazon(BucketAddress address) => S3Bucket.Of(address);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static GoogleBucket Google(BucketAddress address) => GoogleBucket.Of(address);
}
