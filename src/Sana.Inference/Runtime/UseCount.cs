namespace Sana.Inference.Runtime;

/// <summary>
/// Frees native memory when its owner has disposed it and the last call that uses it has ended. ONNX Runtime ends the process where a run meets a session that was freed,
/// and a host that is told to stop waits for what runs only as long as its grace.
/// </summary>
/// <param name="free">Called once, by whoever is last.</param>
internal sealed class UseCount(Action free) : IDisposable
{
    // The owner is one of them.
    private int _users = 1;
    private int _isDisposed;

    /// <summary>Begins a call; the result ends it.</summary>
    /// <param name="owner">What messages name.</param>
    /// <exception cref="ObjectDisposedException">It was disposed before.</exception>
    public Use Hold(object owner)
    {
        for (var users = Volatile.Read(ref _users); ;)
        {
            ObjectDisposedException.ThrowIf(users == 0 || Volatile.Read(ref _isDisposed) == 1, owner);
            var seen = Interlocked.CompareExchange(ref _users, users + 1, users);
            if (seen == users)
                return new Use(this);
            users = seen;
        }
    }

    /// <summary>The owner needs it no longer. Does not wait for calls that are on.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
            Release();
    }

    private void Release()
    {
        if (Interlocked.Decrement(ref _users) == 0)
            free();
    }

    /// <summary>A call that is on.</summary>
    public readonly ref struct Use(UseCount count)
    {
        public void Dispose() => count.Release();
    }
}
