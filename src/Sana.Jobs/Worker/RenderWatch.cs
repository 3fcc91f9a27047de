using Sana.Jobs.Durable;

namespace Sana.Jobs.Worker;

/// <summary>
/// What happens outside while one job is rendered: the instance that waits for it may end, and the worker may be told to stop. Opened before the render, closed
/// after it.
/// </summary>
internal sealed class RenderWatch : IAsyncDisposable
{
    private readonly CancellationTokenSource _unwanted = new();
    private readonly CancellationTokenSource _closed = new();
    private readonly WorkflowClient _client;
    private readonly string? _instance;
    private readonly Task _asking;
    private readonly Task _stopping;

    /// <param name="client">Tells of cancels in this process, and is asked about those in others.</param>
    /// <param name="instance">Who waits; null when the job ends with a result document.</param>
    /// <param name="every">How often it is asked.</param>
    /// <param name="clock">Keeps that time.</param>
    /// <param name="told">What is done when the worker is told to stop, although the render may still end in time.</param>
    /// <param name="drain">The worker is told to stop.</param>
    public RenderWatch(WorkflowClient client, string? instance, TimeSpan every, TimeProvider clock, Func<Task> told, CancellationToken drain)
    {
        (_client, _instance) = (client, instance);
        _client.Canceled += Hear;
        _asking = instance is null ? Task.CompletedTask : Ask(instance, every, clock);
        _stopping = Stop(told, drain);
    }

    /// <summary>Canceled when nobody waits any more.</summary>
    public CancellationToken Unwanted => _unwanted.Token;

    /// <summary>Ends the watch, and what it was doing.</summary>
    public async ValueTask DisposeAsync()
    {
        _client.Canceled -= Hear;
        await _closed.CancelAsync();
        await _asking;
        await _stopping;
        _closed.Dispose();
        _unwanted.Dispose();
    }

    private void Hear(string instance)
    {
        if (instance != _instance)
            return;
        try
        {
            _unwanted.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The render ended at the same moment.
        }
    }

    private async Task Ask(string instance, TimeSpan every, TimeProvider clock)
    {
        while (!_closed.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(every, clock, _closed.Token);
                if (!await _client.IsOver(instance))
                    continue;
                await _unwanted.CancelAsync();
                return;
            }
            catch (OperationCanceledException) when (_closed.IsCancellationRequested)
            {
                return;
            }
            catch (Exception)
            {
                // The engine does not answer: it is asked again.
            }
        }
    }

    private async Task Stop(Func<Task> told, CancellationToken drain)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(drain, _closed.Token);
        await Task.Delay(Timeout.InfiniteTimeSpan, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!drain.IsCancellationRequested)
            return;
        try
        {
            await told();
        }
        catch (Exception)
        {
            // Blobs do not answer: a death from now on is counted, as if nobody had been told.
        }
    }
}
