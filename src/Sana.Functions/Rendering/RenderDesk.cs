using Microsoft.Extensions.Logging;
using Sana.Functions.Durable;
using Sana.Functions.Hosting;
using Sana.Workflows.Queue;
using Sana.Workflows.Rendering;

namespace Sana.Functions.Rendering;

/// <summary>One message of either road to its verdict. A GPU holds one image at a time: who comes while another is at it waits.</summary>
internal sealed class RenderDesk(Wiring wiring, RendererSource source, WarmUp warm, EngineSlot engine, FunctionsSettings settings, TimeProvider clock, ILogger<RenderDesk> log) : IDisposable
{
    private static readonly TimeSpan _whileCold = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim _gpu = new(1);

    /// <summary>What to do with the message; a return is never at once, so that a replica without a GPU does not spin.</summary>
    public async Task<Verdict> Judge(QueuedJob message, CancellationToken stop)
    {
        var verdict = await Decide(message, stop);
        if (verdict.Reason is not null)
            log.MessageEnded(message.Id, verdict.Kind, verdict.Reason, verdict.Message);
        return verdict;
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

    public void Dispose() => _gpu.Dispose();

    private async Task<Verdict> Decide(QueuedJob message, CancellationToken stop)
    {
        if (warm.State != WorkerState.Warm)
            return new Verdict(VerdictKind.Abandon, _whileCold, FaultReason.TransientIo, warm.Fault ?? "The networks are being loaded.");
        var parts = await wiring.Get(stop);
        var handler = new JobHandler(parts.Blobs, engine.Client, source, parts.Queue.Name, new RenderWorkerOptions { Device = settings.Device }, clock);
        await _gpu.WaitAsync(stop);
        try
        {
            // Rendering holds its thread for minutes; the host's own must stay free to renew the lock.
            return await Task.Run(() => handler.Handle(message, progress: null, stop), CancellationToken.None);
        }
        finally
        {
            _gpu.Release();
        }
    }
}
