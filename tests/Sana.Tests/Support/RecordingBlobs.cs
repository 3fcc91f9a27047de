using Sana.Storage.Blobs;

namespace Sana.Tests.Support;

/// <summary>Blobs that keep the names of what was written, in order.</summary>
internal sealed class RecordingBlobs(IBlobs inner) : IBlobs
{
    public List<string> Written { get; } = [];

    public string Place => inner.Place;

    public Task<bool> PutIfAbsent(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        Written.Add(name);
        return inner.PutIfAbsent(name, bytes, cancellationToken);
    }

    public Task Put(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        Written.Add(name);
        return inner.Put(name, bytes, cancellationToken);
    }

    public Task Write(string name, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        Written.Add(name);
        return inner.Write(name, write, cancellationToken);
    }

    public Task<byte[]?> Read(string name, CancellationToken cancellationToken) => inner.Read(name, cancellationToken);

    public Task<Stream?> Open(string name, CancellationToken cancellationToken) => inner.Open(name, cancellationToken);

    public Task<bool> Exists(string name, CancellationToken cancellationToken) => inner.Exists(name, cancellationToken);

    public Task Delete(string name, CancellationToken cancellationToken) => inner.Delete(name, cancellationToken);

    public IAsyncEnumerable<BlobEntry> List(string prefix, CancellationToken cancellationToken) => inner.List(prefix, cancellationToken);
}
