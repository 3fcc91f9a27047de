using System.Collections.Concurrent;

namespace DurableTask.Sqlite;

/// <summary>The token of the activity that runs: Microsoft.DurableTask's activity context has none.</summary>
public static class ActivityCancellation
{
    private static readonly AsyncLocal<CancellationToken> _current = new();

    /// <summary>Canceled when the instance that called the activity has ended, for example terminated, or when the worker stops. None outside of an activity.</summary>
    public static CancellationToken Current
    {
        get => _current.Value;
        internal set => _current.Value = value;
    }
}

/// <summary>The tokens of the activities that run, by instance.</summary>
internal sealed class RunningActivities : IDisposable
{
    private readonly ConcurrentDictionary<string, ConcurrentDictionary<CancellationTokenSource, byte>> _byInstance = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _running = 1; // one for the worker itself, until it drains

    public async Task<T> Run<T>(string instance, Func<Task<T>> activity)
    {
        Interlocked.Increment(ref _running);
        var cancellation = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
        var ofInstance = _byInstance.GetOrAdd(instance, _ => new());
        ofInstance.TryAdd(cancellation, 0);
        try
        {
            ActivityCancellation.Current = cancellation.Token;
            return await activity();
        }
        finally
        {
            ofInstance.TryRemove(cancellation, out _);
            if (ofInstance.IsEmpty)
                _byInstance.TryRemove(KeyValuePair.Create(instance, ofInstance));
            cancellation.Dispose();
            Leave();
        }
    }

    /// <summary>Nobody waits for the results of this instance's activities any more.</summary>
    public void Cancel(string instance)
    {
        if (!_byInstance.TryGetValue(instance, out var ofInstance))
            return;
        foreach (var (cancellation, _) in ofInstance)
        {
            // Off the caller's thread: what a token's listener does is the activity's affair.
            _ = Task.Run(() => TryCancel(cancellation));
        }
    }

    /// <summary>Cancels all, and ends when they have ended or the time has passed.</summary>
    public async Task Drain(TimeSpan atMost)
    {
        await _stopping.CancelAsync();
        Leave();
        await Task.WhenAny(_drained.Task, Task.Delay(atMost));
    }

    public void Dispose() => _stopping.Dispose();

    private static void TryCancel(CancellationTokenSource cancellation)
    {
        try
        {
            cancellation.Cancel();
        }
        catch (Exception error) when (error is ObjectDisposedException or AggregateException)
        {
            // It has just ended, or a listener threw: the activity's own result says what happened.
        }
    }

    private void Leave()
    {
        if (Interlocked.Decrement(ref _running) == 0)
            _drained.TrySetResult();
    }
}
