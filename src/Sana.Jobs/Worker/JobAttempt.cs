using System.Collections.Concurrent;
using Sana.Inference.Diffusion;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Worker;

/// <summary>One attempt at a message that is wanted: read, render, write; and what follows from its failure.</summary>
internal sealed class JobAttempt(
    IBlobs blobs,
    WorkflowClient client,
    RendererSource source,
    string queue,
    RenderWorkerOptions options,
    JobReader reader,
    JobEnds ends,
    TimeProvider clock,
    ProcessPlace here)
{
    // After so many deaths the job is suspected: it is tried alone, when nothing else waits.
    private const int DeathsAmongOthers = 2;

    private static readonly TimeSpan _untilCanceled = TimeSpan.FromSeconds(5);

    private readonly AttemptLog _attempts = new(blobs, queue);
    private readonly ConcurrentDictionary<string, bool> _deferred = new();
    private readonly ConcurrentDictionary<string, AttemptLog.Entries> _unwritten = new(); // ends of attempts that the disk refused

    /// <exception cref="OtherModelException">It is for a worker with another checkpoint.</exception>
    public async Task<Settlement> Try(Delivery delivery, IProgress<GenerateProgress>? progress, CancellationToken stop, CancellationToken drain)
    {
        var (job, key) = (delivery.Job, delivery.AttemptKey);
        var attempts = _unwritten.GetValueOrDefault(key) ?? await _attempts.Read(key, stop);
        if (job.NotAfter < clock.GetUtcNow() && attempts.Spent == 0)
            return await ends.GiveUp(delivery, attempts, new JobFault(FaultReason.Policy, $"The job was not to be begun after {job.NotAfter:O}."), stop);

        var renderer = await source.Get(stop);
        RenderJob work;
        try
        {
            work = await reader.Read(job, renderer, stop);
        }
        catch (Exception error) when (error is not OtherModelException && JobFault.OfReading(error) is { IsRetryable: false })
        {
            return await ends.GiveUp(delivery, attempts, JobFault.OfReading(error), stop);
        }

        var settled = await new FinishedImages(blobs, work.Names, renderer.Fingerprint).Of(work.Batch, job.Input.Redo, stop);
        if (settled.All(record => record is not null))
            return await ends.Succeed(delivery, attempts, settled!, seconds: null, stop);
        if (Exhausted(attempts, job.Limits) is { } end)
            return await ends.GiveUp(delivery, attempts, end, stop);
        if (Defer(attempts, key) is { } later)
            return later;

        attempts = attempts.Begin(clock.GetUtcNow(), here);
        await _attempts.Write(key, attempts, stop);
        _unwritten.TryRemove(key, out _);
        var settlement = await Render(delivery, renderer, work, settled, attempts, progress, stop, drain);
        if (settlement.Kind == SettlementKind.Complete)
            _deferred.TryRemove(key, out _);
        return settlement;
    }

    private async Task<Settlement> Render(
        Delivery delivery,
        IRenderer renderer,
        RenderJob work,
        ImageRecord?[] settled,
        AttemptLog.Entries attempts,
        IProgress<GenerateProgress>? progress,
        CancellationToken stop,
        CancellationToken drain)
    {
        var (job, key) = (delivery.Job, delivery.AttemptKey);
        var maxBatch = Math.Min(Math.Min(work.MaxBatch, work.Batch.Images.Count), attempts.MaxBatch ?? int.MaxValue);
        // Who told the worker to stop may kill it before the render ends: that is not the job's fault.
        var told = attempts.End(AttemptLog.Attempt.Returned, "The worker was told to stop.");
        var watch = new RenderWatch(client, job.Reply?.Instance, options.AskEvery, clock, () => Write(key, told), drain);
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(stop, watch.Unwanted);
        limited.CancelAfter(TimeSpan.FromSeconds(Math.Clamp(job.Limits.TimeoutS, 1, JobLimits.LongestS)));
        IReadOnlyList<ImageRecord> records;
        StageSeconds seconds;
        var isUnwanted = false;
        try
        {
            var refuseNan = attempts.Count(FaultReason.Nan) == 0 && job.Limits.MaxAttempts > attempts.Spent;
            var step = new RenderStep(renderer, blobs, work.Names, work.Output);
            (records, seconds) = await step.Render(work.Batch, settled, maxBatch, refuseNan, progress, limited.Token);
            await watch.DisposeAsync();
        }
        catch (Exception error)
        {
            isUnwanted = watch.Unwanted.IsCancellationRequested;
            await watch.DisposeAsync();
            if (error is OperationCanceledException && (stop.IsCancellationRequested || isUnwanted))
            {
                await Write(key, attempts.End(AttemptLog.Attempt.Returned, null));
                return isUnwanted && await HasEnded(job.Reply!.Instance)
                    ? new Settlement(SettlementKind.Complete, Reason: JobStatus.Canceled)
                    : new Settlement(SettlementKind.Abandon, isUnwanted ? options.RetryDelay : TimeSpan.Zero);
            }

            if (JobFault.IsFullDisk(error))
            {
                // No fault of the job: the attempt does not count, and it comes again until there is room.
                await Write(key, attempts.End(AttemptLog.Attempt.Returned, null));
                return new Settlement(SettlementKind.Abandon, options.DelayAfter(Math.Min(delivery.Message.Deliveries, 6)), FaultReason.TransientIo, JobFault.FromException(error).Message);
            }

            var fault = limited.IsCancellationRequested
                ? new JobFault(FaultReason.Timeout, $"The attempt took more than {job.Limits.TimeoutS} s.")
                : JobFault.FromException(error);
            return await Fail(delivery, attempts.End(fault.Reason, fault.Message), fault, maxBatch, stop);
        }

        // What is settled stays so: a failure to say it is none of the attempt.
        await _attempts.Write(key, attempts.End(AttemptLog.Attempt.Succeeded, null), stop);
        return await ends.Succeed(delivery, attempts, records, seconds, stop);
    }

    /// <summary>An instance that was told to end does so within its next turn; only then is its message of no use to anybody.</summary>
    private async Task<bool> HasEnded(string instance)
    {
        for (var since = TimeProvider.System.GetTimestamp(); TimeProvider.System.GetElapsedTime(since) < _untilCanceled; await Task.Delay(20))
        {
            if (await client.IsOver(instance))
                return true;
        }

        return false;
    }

    /// <summary>
    /// A process died while it rendered this. Other messages go first, once in each process: if it were always the first after a start, kills from outside would
    /// count against it. From the second death on it goes when nothing else waits.
    /// </summary>
    private Settlement? Defer(AttemptLog.Entries attempts, string key)
    {
        if (attempts.Unended == 0 || !_deferred.TryAdd(key, true))
            return null;
        var died = attempts.ProcessDeaths(here);
        var isSuspect = died >= DeathsAmongOthers;
        var why = isSuspect ? $"{died} processes died while they rendered this; it is tried when nothing else waits." : "A process died while it rendered this; others go first.";
        return new Settlement(SettlementKind.Abandon, TimeSpan.FromSeconds(Math.Min(attempts.Unended, 60)), FaultReason.EngineDead, why) { GoesLast = isSuspect };
    }

    private async Task<Settlement> Fail(Delivery delivery, AttemptLog.Entries attempts, JobFault fault, int maxBatch, CancellationToken stop)
    {
        if (fault.Reason == FaultReason.EngineDead)
            source.Reset();
        if (fault.Reason == FaultReason.OutOfMemory)
            attempts = attempts with { MaxBatch = maxBatch / 2 };
        await Write(delivery.AttemptKey, attempts);
        return fault.IsRetryable && Exhausted(attempts, delivery.Job.Limits) is null
            ? new Settlement(SettlementKind.Abandon, options.DelayAfter(attempts.Spent), fault.Reason, fault.Message)
            : await ends.GiveUp(delivery, attempts, fault, stop);
    }

    /// <summary>How an attempt ended. Where it cannot be written it is kept in memory: an attempt without an end counts as a death of its process.</summary>
    private async Task Write(string key, AttemptLog.Entries attempts)
    {
        try
        {
            await _attempts.Write(key, attempts, CancellationToken.None);
            _unwritten.TryRemove(key, out _);
        }
        catch (SanaException)
        {
            _unwritten[key] = attempts;
        }
    }

    /// <summary>Why there is no further attempt; null while there is one.</summary>
    private JobFault? Exhausted(AttemptLog.Entries attempts, JobLimits limits)
    {
        var (broken, died) = (attempts.Count(FaultReason.EngineDead), attempts.ProcessDeaths(here));
        if (broken >= options.MaxEngineDeaths || died >= options.MaxProcessDeaths)
            return new JobFault(FaultReason.EngineDead, $"{broken + died} times a worker died while it rendered this.");
        if (attempts.MaxBatch == 0)
            return new JobFault(FaultReason.OutOfMemory, "One image alone does not fit the memory.");
        // Deaths have their own bound: one that was caused from outside must not use up the attempts.
        return attempts.Spent - broken - attempts.Unended >= Math.Clamp(limits.MaxAttempts, 1, 20)
            ? new JobFault(attempts.Attempts.Last(attempt => attempt.Ended is not null).Ended!, $"It was tried {Counted.Of(attempts.Spent, "time")}.")
            : null;
    }
}
