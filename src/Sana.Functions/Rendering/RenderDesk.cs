using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Sana.Functions.Durable;
using Sana.Functions.Hosting;
using Sana.Workflows.Queue;
using Sana.Workflows.Rendering;

namespace Sana.Functions.Rendering;

/// <summary>
/// One message of either road to its verdict. A GPU holds one image at a time: who comes while another is at it waits. When the process is told to stop, the render is called back, and
/// the process stays until its message was returned.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "A message that comes while the process stops must still find the semaphore; it holds nothing but memory.")]
internal sealed class RenderDesk(
    Wiring wiring, RendererSource source, WarmUp warm, EngineSlot engine, FunctionsSettings settings, TimeProvider clock, IHostApplicationLifetime lifetime, ILogger<RenderDesk> log) : IHostedService
{
    private static readonly TimeSpan _whileCold = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim _gpu = new(1);

    /// <summary>Judges a message and carries its verdict out, which a stop does not end.</summary>
    /// <param name="message">As it came. A return is never at once, so that a replica without a GPU does not spin, but when the process stops.</param>
    /// <param name="carry">Completes, returns or buries it.</param>
    /// <param name="stop">The host wants the invocation to end.</param>
    public async Task Serve(QueuedJob message, Func<Verdict, Task> carry, CancellationToken stop)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, lifetime.ApplicationStopping);
        await _gpu.WaitAsync(CancellationToken.None);
        try
        {
            var verdict = await Decide(message, either.Token);
            if (verdict.Reason is not null)
                log.MessageEnded(message.Id, verdict.Kind, verdict.Reason, verdict.Message);
            else if (verdict.Kind == VerdictKind.Abandon)
                log.GoesBack(message.Id);
            await carry(verdict);
        }
        finally
        {
            _gpu.Release();
        }
    }

    /// <summary>Sends a returned message anew for later, where the queue itself cannot delay one. False when it is no job's, and must be returned as it is.</summary>
    public async Task<bool> SendLater(QueuedJob message, TimeSpan delay, CancellationToken cancellationToken)
    {
        JobMessage job;
        try
        {
            job = JobMessage.Parse(message.Body);
        }
        catch (JobFaultException)
        {
            return false;
        }

        var parts = await wiring.Get(cancellationToken);
        await parts.Queue.Send(job with { Returned = message.Deliveries }, delay, cancellationToken);
        return true;
    }

    Task IHostedService.StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Keeps the process until the message in hand was returned.</summary>
    Task IHostedService.StopAsync(CancellationToken cancellationToken) => _gpu.WaitAsync(cancellationToken);

    private async Task<Verdict> Decide(QueuedJob message, CancellationToken stop)
    {
        if (stop.IsCancellationRequested)
            return new Verdict(VerdictKind.Abandon);
        if (warm.State != WorkerState.Warm)
            return new Verdict(VerdictKind.Abandon, _whileCold, FaultReason.TransientIo, warm.Fault ?? "The networks are being loaded.");
        var parts = await wiring.Get(CancellationToken.None);
        var handler = new JobHandler(parts.Blobs, engine.Client, source, parts.Queue.Name, new RenderWorkerOptions { Device = settings.Device }, clock);
        // Rendering holds its thread for minutes; the host's own must stay free to renew the lock.
        return await Task.Run(() => handler.Handle(message, progress: null, stop), CancellationToken.None);
    }
}
