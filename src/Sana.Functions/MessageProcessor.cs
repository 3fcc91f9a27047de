using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Sana.Jobs.Queue;
using Sana.Jobs.Worker;

namespace Sana.Functions;

/// <summary>
/// Handles one message of either queue. A GPU renders one message at a time; the others wait. When the process is told to stop, the render is called back, and
/// the process stays until its message was returned.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "A message that comes while the process stops must still find the semaphore; it holds nothing but memory.")]
internal sealed class MessageProcessor(
    AppJobs jobs, WarmUp warm, TimeProvider clock, IHostApplicationLifetime lifetime, ILogger<MessageProcessor> log) : IHostedService
{
    private static readonly TimeSpan _whileCold = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan _longestPause = TimeSpan.FromMinutes(1);

    private static readonly RenderWorkerOptions _options = new();

    private readonly SemaphoreSlim _gpu = new(1);

    /// <summary>Judges a message and carries its settlement out, which a stop does not end.</summary>
    /// <param name="message">As it came. A return is never at once, so that a replica without a GPU does not spin, but when the process stops.</param>
    /// <param name="carry">Settles the message. Its token is canceled when the process stops.</param>
    /// <param name="stop">The host wants the invocation to end.</param>
    public async Task Serve(QueuedJob message, Func<Settlement, CancellationToken, Task> carry, CancellationToken stop)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, lifetime.ApplicationStopping);
        await _gpu.WaitAsync(CancellationToken.None);
        try
        {
            var settlement = await SettleSafely(message, either.Token);
            if (settlement.Reason is not null)
                log.MessageEnded(message.Id, settlement.Kind, settlement.Reason, settlement.Message);
            else if (settlement.Kind == SettlementKind.Abandon)
                log.GoesBack(message.Id);
            await carry(settlement, either.Token);
        }
        finally
        {
            _gpu.Release();
        }
    }

    /// <summary>
    /// Sends a returned message anew for later, where the queue itself cannot delay one. False when that cannot be done, because it is no job's, or because blobs or queue do not answer:
    /// it must then be returned as it is.
    /// </summary>
    public async Task<bool> SendLater(QueuedJob message, TimeSpan delay, CancellationToken cancellationToken)
    {
        if (ReturnedJobs.Read(message.Body) is not { } job)
            return false;
        try
        {
            var parts = await jobs.Get(cancellationToken);
            return await parts.Queue.Send(job with { Returned = message.Deliveries }, delay, cancellationToken);
        }
        catch (SanaException error)
        {
            log.NotSentLater(message.Id, error.Message);
            return false;
        }
    }

    /// <summary>Waits a delay, a minute at most, or until the process stops.</summary>
    public async Task Pause(TimeSpan delay, CancellationToken stop) =>
        await Task.Delay(delay < _longestPause ? delay : _longestPause, clock, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    Task IHostedService.StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Keeps the process until the message in hand was returned.</summary>
    Task IHostedService.StopAsync(CancellationToken cancellationToken) => _gpu.WaitAsync(cancellationToken);

    private async Task<Settlement> SettleSafely(QueuedJob message, CancellationToken stop)
    {
        try
        {
            return await Decide(message, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return new Settlement(SettlementKind.Abandon);
        }
        catch (Exception error)
        {
            // Not even the failure could be written down: blobs, queue or engine are gone for now.
            return new Settlement(SettlementKind.Abandon, _options.DelayAfter(Math.Min(message.Deliveries, 20)), FaultReason.TransientIo, error.Message);
        }
    }

    private async Task<Settlement> Decide(QueuedJob message, CancellationToken stop)
    {
        if (stop.IsCancellationRequested)
            return new Settlement(SettlementKind.Abandon);
        // A message that is no job becomes a dead letter without the networks.
        if (warm.State != WorkerState.Warm && ReturnedJobs.Read(message.Body) is not null)
            return new Settlement(SettlementKind.Abandon, _whileCold, FaultReason.TransientIo, warm.Fault ?? "The networks are being loaded.");
        var parts = await jobs.Get(CancellationToken.None);
        // Rendering holds its thread for minutes; the host's own must stay free to renew the lock.
        return await Task.Run(() => parts.Jobs.Handler.Handle(message, progress: null, stop), CancellationToken.None);
    }
}
