using System.Runtime.CompilerServices;
using Sana.Storage.Blobs;

namespace Sana.Tests.Support;

/// <summary>Blobs of a process that dies at its n-th write: before it, or after it and before anybody hears of it. Everything later is refused too.</summary>
internal sealed class CrashingBlobs(IBlobs inner, int deadline, bool afterwards) : IBlobs
{
    private readonly TaskCompletionSource _crash = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _writes;

    public string Place => inner.Place;

    /// <summary>Ends with the first refusal.</summary>
    public Task Crash => _crash.Task;

    public async Task<bool> PutIfAbsent(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        var write = Interlocked.Increment(ref _writes);
        if (write > deadline || (write == deadline && !afterwards))
        {
            throw Refuse();
        }

        var written = await inner.PutIfAbsent(name, bytes, cancellationToken);
        return write < deadline ? written : throw Refuse();
    }

    public Task Put(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => inner.Put(name, bytes, cancellationToken);

    public Task<byte[]?> Read(string name, CancellationToken cancellationToken) => inner.Read(name, cancellationToken);

    public Task Write(string name, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) => inner.Write(name, write, cancellationToken);

    public Task<Stream?> Open(string name, CancellationToken cancellationToken) => inner.Open(name, cancellationToken);

    public Task<bool> Exists(string name, CancellationToken cancellationToken) => inner.Exists(name, cancellationToken);

    public Task Delete(string name, CancellationToken cancellationToken) => inner.Delete(name, cancellationToken);

    public async IAsyncEnumerable<BlobEntry> List(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var blob in inner.List(prefix, cancellationToken))
        {
            yield return blob;
        }
    }

    private InvalidOperationException Refuse()
    {
        _crash.TrySetResult();
        return new InvalidOperationException("The process is dead.");
    }
}
