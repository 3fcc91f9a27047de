namespace Sana.Curation.Shards;

/// <summary>Opens the next few items while one is written. Memory is bounded by their number.</summary>
internal sealed class ReadAhead<T> : IAsyncDisposable
{
    private const int Ahead = 4;

    private readonly Queue<Task<byte[]>> _reads = new();
    private readonly IEnumerator<T> _items;
    private readonly Func<T, CancellationToken, Task<byte[]>> _read;
    private readonly CancellationTokenSource _stop;

    public ReadAhead(IEnumerable<T> items, Func<T, CancellationToken, Task<byte[]>> read, CancellationToken cancellationToken)
    {
        (_items, _read, _stop) = (items.GetEnumerator(), read, CancellationTokenSource.CreateLinkedTokenSource(cancellationToken));
        for (var i = 0; i < Ahead; i++)
            Start();
    }

    public async Task<byte[]> Next()
    {
        var bytes = await _reads.Dequeue();
        Start();
        return bytes;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (var read in _reads)
            await ((Task)read).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _items.Dispose();
        _stop.Dispose();
    }

    private void Start()
    {
        if (_items.MoveNext())
            _reads.Enqueue(_read(_items.Current, _stop.Token));
    }
}
