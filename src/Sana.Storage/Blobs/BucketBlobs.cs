using System.Runtime.CompilerServices;

namespace Sana.Storage.Blobs;

/// <summary>
/// Blobs below a prefix of a bucket. Each appears whole with one request; a condition on that request makes it if-absent. After a lost answer the retried
/// request may find the blob of its own first try and report false: the bytes are there either way.
/// </summary>
internal sealed class BucketBlobs : IBlobs
{
    private const int ReadAheadBytes = 1024 * 1024;

    // Begins with a dot, as no blob's name does: no listing shows it. It stays, so that later openings change nothing.
    private const string ProofKey = ".sana/conditional-put";
    private const int ProofWriters = 3;

    private readonly IBucket _bucket;
    private readonly string _prefix;
    private volatile bool _isProven;

    private BucketBlobs(IBucket bucket, string prefix)
    {
        _bucket = bucket;
        _prefix = prefix;
        _isProven = !bucket.NeedsProof;
    }

    /// <inheritdoc/>
    public string Place => $"{_bucket.Place}/{_prefix}".TrimEnd('/');

    /// <summary>Proves that the bucket keeps conditions, as far as whoever runs the program may write.</summary>
    /// <param name="bucket">The bucket.</param>
    /// <param name="prefix">Put before every name: empty, or a path that ends with a slash.</param>
    /// <param name="cancellationToken">Stops the attempt.</param>
    /// <exception cref="SanaException">Nothing answers, the bucket may not be used, or it ignores conditions.</exception>
    public static async Task<BucketBlobs> Open(IBucket bucket, string prefix, CancellationToken cancellationToken)
    {
        var blobs = new BucketBlobs(bucket, prefix);
        try
        {
            await blobs.Prove(cancellationToken);
        }
        catch (BucketRefusal)
        {
            // Who may only read does so; the first write proves again and says what is missing.
        }

        return blobs;
    }

    /// <inheritdoc/>
    public async Task<bool> PutIfAbsent(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        var key = Key(name);
        await Prove(cancellationToken);
        return await _bucket.PutIfAbsent(key, bytes, cancellationToken);
    }

    /// <inheritdoc/>
    public Task Put(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => _bucket.Put(Key(name), bytes, cancellationToken);

    /// <inheritdoc/>
    public Task<byte[]?> Read(string name, CancellationToken cancellationToken) => _bucket.Read(Key(name), cancellationToken);

    /// <inheritdoc/>
    public Task Write(string name, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) =>
        _bucket.Write(Key(name), write, cancellationToken);

    /// <inheritdoc/>
    public Task<Stream?> Open(string name, CancellationToken cancellationToken) => _bucket.Open(Key(name), ReadAheadBytes, cancellationToken);

    /// <inheritdoc/>
    public Task<bool> Exists(string name, CancellationToken cancellationToken) => _bucket.Exists(Key(name), cancellationToken);

    /// <inheritdoc/>
    public Task Delete(string name, CancellationToken cancellationToken) => _bucket.Delete(Key(name), cancellationToken);

    /// <inheritdoc/>
    public async IAsyncEnumerable<BlobEntry> List(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        BlobName.CheckPrefix(prefix);
        await foreach (var blob in _bucket.List(_prefix + prefix, cancellationToken))
        {
            var name = blob.Name[_prefix.Length..];
            if (BlobName.IsValid(name))
                yield return blob with { Name = name };
        }
    }

    /// <summary>
    /// Of several writers of one key at once at most one may win. A store that ignores the condition lets all win, one that looks and then writes lets some.
    /// </summary>
    private async Task Prove(CancellationToken cancellationToken)
    {
        if (_isProven)
            return;

        var key = _prefix + ProofKey;
        var wins = await Task.WhenAll(Enumerable.Range(0, ProofWriters).Select(_ => _bucket.PutIfAbsent(key, "sana"u8.ToArray(), cancellationToken)));
        if (wins.Count(won => won) > 1)
        {
            await _bucket.Delete(key, cancellationToken);
            throw new SanaException(
                $"{Place} cannot hold outputs: of {ProofWriters} writers of one name that was to be written only if absent, {wins.Count(won => won)} succeeded, so the store ignores conditions "
                + "(If-None-Match on PUT) and every image could be overwritten; use a store that keeps them, such as Amazon S3, Cloudflare R2, Ceph or a newer MinIO, or a folder.");
        }

        _isProven = true;
    }

    private string Key(string name)
    {
        BlobName.Check(name);
        return _prefix + name;
    }
}
