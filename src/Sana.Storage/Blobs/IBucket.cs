namespace Sana.Storage.Blobs;

/// <summary>
/// A container of Azure Storage or a bucket, by whole keys, whoever named them. What the service says comes out as a <see cref="SanaException"/> with the
/// fix; what becomes of names and prefixes of ours says <see cref="BucketBlobs"/>.
/// </summary>
internal interface IBucket
{
    /// <summary>The bucket in words fit for a log: never a key, a token or a signature.</summary>
    string Place { get; }

    /// <summary>Whether the service may be one that takes a condition and ignores it, so that it is tried before it is trusted.</summary>
    bool NeedsProof { get; }

    Task<bool> PutIfAbsent(string key, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken);

    Task Put(string key, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken);

    Task<byte[]?> Read(string key, CancellationToken cancellationToken);

    Task Write(string key, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken);

    /// <summary>A seekable stream of one version of the object, read by ranges; null when there is none.</summary>
    /// <param name="key">The whole key.</param>
    /// <param name="bufferBytes">What one request asks for.</param>
    /// <param name="cancellationToken">Stops the first look.</param>
    /// <exception cref="IOException">From the stream: the object was changed or removed while it was read.</exception>
    Task<Stream?> Open(string key, int bufferBytes, CancellationToken cancellationToken);

    Task<bool> Exists(string key, CancellationToken cancellationToken);

    Task Delete(string key, CancellationToken cancellationToken);

    /// <summary>Every object whose key starts with the prefix, in ordinal order; markers of folders are left out.</summary>
    IAsyncEnumerable<BlobEntry> List(string prefix, CancellationToken cancellationToken);
}

/// <summary>The service knows who asks and does not let them: another verb may be allowed.</summary>
internal sealed class BucketRefusal(string message, Exception innerException) : SanaException(message, innerException);
