namespace Sana.Local.Engine;

/// <summary>
/// Where a workflow's lines run: all continuations of its awaits come here and run one after another, on the thread that is inside <see cref="Run"/>.
/// One that comes from another thread shows that the workflow awaited a task that is not its context's.
/// </summary>
/// <param name="disturbed">Called on the foreign thread that brought a continuation or used the context.</param>
internal sealed class LogicalThread(Action? disturbed) : SynchronizationContext
{
    private readonly Queue<(SendOrPostCallback Callback, object? State)> _ready = new();
    private volatile int _inside;
    private volatile bool _disturbed;

    /// <summary>True once something came from another thread.</summary>
    public bool IsDisturbed => _disturbed;

    /// <summary>Whether the caller is the workflow's own code; if not, that is remembered.</summary>
    public bool CheckCaller()
    {
        if (Environment.CurrentManagedThreadId == _inside)
            return true;
        _disturbed = true;
        disturbed?.Invoke();
        return false;
    }

    /// <summary>Runs what may wake the workflow.</summary>
    public void Run(Action action)
    {
        var previous = Current;
        SetSynchronizationContext(this);
        _inside = Environment.CurrentManagedThreadId;
        try
        {
            action();
        }
        finally
        {
            _inside = 0;
            SetSynchronizationContext(previous);
        }
    }

    /// <summary>Runs what was woken, until all of it waits again.</summary>
    public void Settle()
    {
        while (_ready.TryDequeue(out var next))
            next.Callback(next.State);
    }

    /// <inheritdoc />
    public override void Post(SendOrPostCallback d, object? state)
    {
        if (CheckCaller())
            _ready.Enqueue((d, state));
    }

    /// <inheritdoc />
    public override SynchronizationContext CreateCopy() => this;
}
