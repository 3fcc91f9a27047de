using System.Collections.Concurrent;

namespace Sana.Functions.Tests.Replaying;

/// <summary>The thread of an episode: what is posted to it runs here, between two events; nothing else may resume an orchestration.</summary>
internal sealed class Loop : SynchronizationContext
{
    private readonly ConcurrentQueue<(SendOrPostCallback Callback, object? State)> _posted = new();

    public override void Post(SendOrPostCallback d, object? state) => _posted.Enqueue((d, state));

    public void Run(Action action)
    {
        var before = Current;
        SetSynchronizationContext(this);
        try
        {
            action();
            while (_posted.TryDequeue(out var next))
                next.Callback(next.State);
        }
        finally
        {
            SetSynchronizationContext(before);
        }
    }
}
