using Microsoft.Extensions.Logging;
using Sana.Inference.Diffusion;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;

namespace Sana.Jobs.Worker;

/// <summary>
/// Takes messages one at a time and has them handled, holding each for as long as that takes. It takes the first when the networks are loaded and have made an image,
/// and none after it was told to drain: what it renders then is ended within the grace, or returned.
/// </summary>
public sealed class RenderWorker(IJobQueue queue, JobHandler handler, RendererSource source, RenderWorkerOptions options, ILogger log)
{
    private int _state;
    private long _handled;

    /// <summary>Where it stands.</summary>
    public WorkerState State => (WorkerState)Volatile.Read(ref _state);

    /// <summary>Messages whose handling has ended.</summary>
    public long Handled => Interlocked.Read(ref _handled);

    /// <summary>The message that is being handled and where its render stands; null between two.</summary>
    public JobProgress? Current { get; private set; }

    /// <summary>Works until told to drain.</summary>
    /// <exception cref="Inference.InferenceException">The networks cannot be loaded; other exceptions of the source come through too.</exception>
    public async Task Run(CancellationToken drain)
    {
        try
        {
            await WarmUp(drain);
            while (!drain.IsCancellationRequested)
            {
                if (await Next(drain) is { } message)
                    await Serve(message, drain);
                else
                    await Task.Delay(options.Poll, drain);
            }

            Become(WorkerState.Stopped);
        }
        catch (OperationCanceledException) when (drain.IsCancellationRequested)
        {
            Become(WorkerState.Stopped);
        }
        catch (Exception error)
        {
            Become(WorkerState.Broken);
            log.WorkerBroke(error);
            throw;
        }
    }

    private async Task WarmUp(CancellationToken drain)
    {
        await source.Get(drain);
        Become(WorkerState.Ready);
        if (options.WarmsUp)
            await source.WarmUp(drain);
        Become(WorkerState.Warm);
    }

    private async Task<QueuedJob?> Next(CancellationToken drain)
    {
        try
        {
            return await queue.Receive(options.Visibility, drain);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // Whatever a queue stumbles over, the next message may be a good one.
            log.QueueFailed(error.Message);
            await Task.Delay(options.RetryDelay, drain);
            return null;
        }
    }

    private async Task Serve(QueuedJob message, CancellationToken drain)
    {
        using var stop = new CancellationTokenSource();
        using var draining = drain.Register(() =>
        {
            Become(WorkerState.Draining);
            stop.CancelAfter(options.Grace);
        });
        using var done = new CancellationTokenSource();
        Current = new JobProgress(message.Id, default);
        var hold = Hold(message, stop, done.Token);
        var settlement = await Task.Run(() => Handle(message, stop.Token, drain), CancellationToken.None);
        await done.CancelAsync();
        if (await hold)
            await Carry(message, settlement);
        Current = null;
        Interlocked.Increment(ref _handled);
    }

    private async Task<Settlement> Handle(QueuedJob message, CancellationToken stop, CancellationToken drain)
    {
        try
        {
            return await handler.Handle(message, new Progress(this, message.Id), stop, drain);
        }
        catch (Exception error)
        {
            // Not even the failure could be written down: blobs or engine are gone for now.
            return new Settlement(SettlementKind.Abandon, options.DelayAfter(Math.Min(message.Deliveries, 20)), FaultReason.TransientIo, error.Message);
        }
    }

    /// <summary>Renews the hold until done; false, and the render is stopped, when it was lost.</summary>
    private async Task<bool> Hold(QueuedJob message, CancellationTokenSource stop, CancellationToken done)
    {
        for (var missed = 0; ;)
        {
            try
            {
                await Task.Delay(options.Visibility / 3, done);
                // Not with the token: a renewal that is cut off in flight leaves nobody knowing the newest receipt.
                if (!await queue.Renew(message, options.Visibility, CancellationToken.None))
                {
                    log.HoldLost(message.Id);
                    await stop.CancelAsync();
                    return false;
                }

                missed = 0;
            }
            catch (OperationCanceledException)
            {
                return true;
            }
            catch (Exception error)
            {
                log.QueueFailed(error.Message);
                if (++missed == 3)
                {
                    await stop.CancelAsync();
                    return false;
                }
            }
        }
    }

    private async Task Carry(QueuedJob message, Settlement settlement)
    {
        try
        {
            if (settlement.Reason is not null)
                log.JobEnded(message.Id, settlement.Kind, settlement.Reason, settlement.Message);
            _ = settlement.Kind switch
            {
                SettlementKind.Complete => await queue.Complete(message),
                SettlementKind.Abandon => await queue.Abandon(message, settlement.Delay, settlement.Note),
                _ => await queue.DeadLetter(message, settlement.Reason!, settlement.Message!),
            };
        }
        catch (Exception error)
        {
            // It comes back by itself, and what was done for it is found.
            log.QueueFailed(error.Message);
        }
    }

    private void Become(WorkerState state) => Volatile.Write(ref _state, (int)state);

    // Progress<T> would hand each step to the thread pool, out of order.
    private sealed class Progress(RenderWorker worker, string id) : IProgress<GenerateProgress>
    {
        public void Report(GenerateProgress value) => worker.Current = new JobProgress(id, value);
    }
}

/// <summary>A message at work.</summary>
/// <param name="Id">The queue's id of it.</param>
/// <param name="Step">Where its render stands.</param>
public sealed record JobProgress(string Id, GenerateProgress Step);

/// <summary>What a worker has to say.</summary>
internal static partial class WorkerLogs
{
    [LoggerMessage(201, LogLevel.Error, "The worker cannot go on.")]
    public static partial void WorkerBroke(this ILogger logger, Exception error);

    [LoggerMessage(202, LogLevel.Warning, "The queue: {Sentence}")]
    public static partial void QueueFailed(this ILogger logger, string sentence);

    [LoggerMessage(203, LogLevel.Warning, "The hold of message {Id} was lost; somebody else may have it.")]
    public static partial void HoldLost(this ILogger logger, string id);

    [LoggerMessage(204, LogLevel.Information, "Message {Id}: {Settlement}, {Reason}: {Sentence}")]
    public static partial void JobEnded(this ILogger logger, string id, SettlementKind settlement, string reason, string? sentence);
}

/// <summary>Where a worker stands. It takes messages in <see cref="Warm"/> only.</summary>
public enum WorkerState
{
    /// <summary>Loads the networks.</summary>
    Loading,

    /// <summary>The networks are loaded; the first image, which is slow, is being made.</summary>
    Ready,

    /// <summary>Takes messages.</summary>
    Warm,

    /// <summary>Ends what it renders, or returns it, and takes nothing more.</summary>
    Draining,

    /// <summary>Ended.</summary>
    Stopped,

    /// <summary>The networks cannot be loaded.</summary>
    Broken,
}
