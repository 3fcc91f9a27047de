namespace Sana.Curation.Ingest;

/// <summary>
/// Bounds the memory of all decodes that run at once in this process, in order of arrival: a large image is not overtaken for ever by small ones. Native
/// memory is the process's, so the gate is too,
/// whatever limit each caller brings.
/// </summary>
internal sealed class MemoryGate
{
    /// <summary>The gate of the process.</summary>
    public static MemoryGate Process { get; } = new();

    private readonly Lock _lock = new();
    private readonly LinkedList<Waiter> _waiters = new();
    private long _held;

    /// <summary>How many stand in the queue.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
                return _waiters.Count;
        }
    }

    /// <summary>Waits until the bytes fit under the limit together with what others hold.</summary>
    /// <param name="bytes">At most <paramref name="limit"/>.</param>
    /// <param name="limit">For all, as this caller sees it.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Dispose it to give the bytes back.</returns>
    public Claim Enter(long bytes, long limit, CancellationToken cancellationToken)
    {
        Waiter waiter;
        lock (_lock)
        {
            if (_waiters.Count == 0 && _held + bytes <= limit)
            {
                _held += bytes;
                return new Claim(this, bytes);
            }

            waiter = new Waiter(bytes, limit);
            _waiters.AddLast(waiter);
        }

        try
        {
            waiter.Admitted.Task.Wait(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            Leave(waiter);
            throw;
        }

        return new Claim(this, bytes);
    }

    private void Leave(Waiter waiter)
    {
        lock (_lock)
        {
            if (!_waiters.Remove(waiter))
                _held -= waiter.Bytes; // admitted in the moment in which it gave up
            Admit();
        }
    }

    private void Exit(long bytes)
    {
        lock (_lock)
        {
            _held -= bytes;
            Admit();
        }
    }

    private void Admit()
    {
        while (_waiters.First is { } first && (_held == 0 || _held + first.Value.Bytes <= first.Value.Limit))
        {
            _waiters.RemoveFirst();
            _held += first.Value.Bytes;
            first.Value.Admitted.SetResult();
        }
    }

    private sealed class Waiter(long bytes, long limit)
    {
        public long Bytes => bytes;

        public long Limit => limit;

        public TaskCompletionSource Admitted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Bytes held.</summary>
    public readonly struct Claim(MemoryGate gate, long bytes) : IDisposable
    {
        /// <summary>Gives them back.</summary>
        public void Dispose() => gate.Exit(bytes);
    }
}
