using System.Collections.Concurrent;
using System.Diagnostics;
using Sana.Inference.Diffusion;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Jobs.Telemetry;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Worker;

/// <summary>
/// One message from body to settlement; the queue, whichever it is, only carries it out. Everything it writes has a name that follows from the message and is written
/// if absent, so a message may come twice, and the process may die between any two lines.
/// </summary>
/// <param name="blobs">Where plans, images, results and attempts are.</param>
/// <param name="client">Hears of the ends of a workflow's batches.</param>
/// <param name="source">The networks.</param>
/// <param name="queue">The queue's name.</param>
/// <param name="options">How messages are treated.</param>
/// <param name="clock">Dates results and attempts, and judges what is too late.</param>
public sealed class JobHandler(IBlobs blobs, WorkflowClient client, RendererSource source, string queue, RenderWorkerOptions options, TimeProvider clock)
{
    // A message that fails before its first attempt, because blobs or engine do not answer, comes back often before it is given up.
    private const int MaxDeliveries = 200;

    private static readonly TimeSpan _whileAnotherWorks = TimeSpan.FromSeconds(2);

    private readonly JobReader _reader = new(blobs, options);
    private readonly JobResults _results = new(blobs);
    private readonly AttemptLog _attempts = new(blobs, queue);
    private readonly ConcurrentDictionary<string, bool> _deferred = new();

    /// <summary>Told of every job from outside that has ended, after its result was written.</summary>
    public event Action<JobResult>? Ended;

    /// <summary>The id of the job that is being handled; null between two.</summary>
    public string? Current { get; private set; }

    /// <summary>Does what a message asks for.</summary>
    /// <param name="message">As it came from the queue.</param>
    /// <param name="progress">Told of each step of the render.</param>
    /// <param name="stop">Ends the render; the message is then to be returned and the attempt does not count.</param>
    public async Task<Settlement> Handle(QueuedJob message, IProgress<GenerateProgress>? progress, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(message);
        JobMessage? job = null;
        try
        {
            job = JobMessage.Parse(message.Body);
            Current = job.JobId;
            // The trace of the request goes on here, however long the message waited.
            using var span = SanaTelemetry.Activities.StartActivity("sana.job", ActivityKind.Consumer, job.Traceparent);
            span?.SetTag("sana.deliveries", message.Deliveries);
            var id = JobReader.NameOf(job.JobId);
            return await Duplicate(job, message.Deliveries, stop) ?? await Attempt(new Delivery(job, id, message), progress, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return new Settlement(SettlementKind.Abandon);
        }
        catch (Exception error)
        {
            var fault = JobFault.FromException(error);
            if (fault.IsRetryable && message.Deliveries < MaxDeliveries)
                return new Settlement(SettlementKind.Abandon, options.DelayAfter(Math.Min(message.Deliveries, 20)), fault.Reason, fault.Message);
            return await GiveUpUnread(job, message, fault);
        }
        finally
        {
            Current = null;
        }
    }

    /// <summary>What to do with a message whose work is done, is no longer wanted, or is another's; null when it is to be rendered.</summary>
    private async Task<Settlement?> Duplicate(JobMessage job, int deliveries, CancellationToken cancellationToken)
    {
        if (job.Reply is { } reply)
        {
            return await client.Get(reply.Instance) switch
            {
                { Status: WorkflowStatus.Suspended } => new Settlement(SettlementKind.Abandon, options.DelayAfter(Math.Min(deliveries, 4))),
                { IsFinished: false } => null,
                _ => new Settlement(SettlementKind.Complete, Reason: JobStatus.Canceled),
            };
        }

        var key = Key(job);
        if (await _results.Read(job.JobId, cancellationToken) is { } result && result.Round >= job.Round)
        {
            return result.JobId == job.JobId && result.IdempotencyKey == key
                ? new Settlement(SettlementKind.Complete)
                : throw new JobFaultException(FaultReason.BadInput, $"The job_id {job.JobId} belongs to another job; give each job an id of its own.");
        }

        if (key == job.JobId || await _results.Claim($"{job.Tenant}\n{key}", job.JobId, cancellationToken) is var owner && owner == job.JobId)
            return null;
        if (await _results.Read(owner, cancellationToken) is { } done)
        {
            await Conclude(job, done with { JobId = job.JobId, BatchId = job.BatchId, Round = job.Round, DuplicateOf = owner }, cancellationToken);
            return new Settlement(SettlementKind.Complete);
        }

        // Its owner waits or works. If it never ends, because somebody removed its message, the key is as good as free.
        return deliveries < MaxDeliveries ? new Settlement(SettlementKind.Abandon, _whileAnotherWorks) : null;
    }

    private async Task<Settlement> Attempt(Delivery delivery, IProgress<GenerateProgress>? progress, CancellationToken stop)
    {
        var (job, key) = (delivery.Job, delivery.AttemptKey);
        var attempts = await _attempts.Read(key, stop);
        if (job.NotAfter < clock.GetUtcNow() && attempts.Spent == 0)
            return await GiveUp(delivery, attempts, new JobFault(FaultReason.Policy, $"The job was not to be begun after {job.NotAfter:O}."), stop);

        var renderer = await source.Get(stop);
        RenderJob work;
        try
        {
            work = await _reader.Read(job, renderer, stop);
        }
        catch (Exception error) when (JobFault.FromException(error) is { IsRetryable: false })
        {
            return await GiveUp(delivery, attempts, JobFault.FromException(error), stop);
        }

        var settled = await new FinishedImages(blobs, work.Names).Of(work.Batch, job.Input.Redo, stop);
        if (settled.All(record => record is not null))
            return await Succeed(delivery, attempts, settled!, seconds: null, stop);
        if (Exhausted(attempts, job.Limits) is { } end)
            return await GiveUp(delivery, attempts, end, stop);

        // A process died while it rendered this. Other messages go first, once: if it were always the first after a start, kills from outside would count against it.
        if (attempts.ProcessDeaths > 0 && _deferred.TryAdd(key, true))
            return new Settlement(SettlementKind.Abandon, TimeSpan.FromSeconds(attempts.ProcessDeaths), FaultReason.TransientIo, "A process died while it rendered this; others go first.");

        attempts = attempts.Begin(clock.GetUtcNow());
        await _attempts.Write(key, attempts, stop);
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limited.CancelAfter(TimeSpan.FromSeconds(Math.Clamp(job.Limits.TimeoutS, 1, JobLimits.LongestS)));
        var maxBatch = Math.Min(Math.Min(work.MaxBatch, work.Batch.Images.Count), attempts.MaxBatch ?? int.MaxValue);
        IReadOnlyList<ImageRecord> records;
        StageSeconds seconds;
        try
        {
            var refuseNan = attempts.Count(FaultReason.Nan) == 0 && job.Limits.MaxAttempts > attempts.Spent;
            (records, seconds) = await new RenderStep(renderer, blobs, work.Names, work.Output).Render(work.Batch, settled, maxBatch, refuseNan, progress, limited.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await _attempts.Write(key, attempts.End(AttemptLog.Attempt.Returned, null), CancellationToken.None);
            return new Settlement(SettlementKind.Abandon);
        }
        catch (Exception error)
        {
            var fault = limited.IsCancellationRequested ? new JobFault(FaultReason.Timeout, $"The attempt took more than {job.Limits.TimeoutS} seconds.") : JobFault.FromException(error);
            return await Fail(delivery, attempts.End(fault.Reason, fault.Message), fault, maxBatch, stop);
        }

        // What is settled stays so: a failure to say it is none of the attempt.
        _deferred.TryRemove(key, out _);
        return await Succeed(delivery, attempts, records, seconds, stop);
    }

    private async Task<Settlement> Fail(Delivery delivery, AttemptLog.Entries attempts, JobFault fault, int maxBatch, CancellationToken stop)
    {
        if (fault.Reason == FaultReason.EngineDead)
            source.Reset();
        if (fault.Reason == FaultReason.OutOfMemory)
            attempts = attempts with { MaxBatch = maxBatch / 2 };
        await _attempts.Write(delivery.AttemptKey, attempts, CancellationToken.None);
        return fault.IsRetryable && Exhausted(attempts, delivery.Job.Limits) is null
            ? new Settlement(SettlementKind.Abandon, options.DelayAfter(attempts.Spent), fault.Reason, fault.Message)
            : await GiveUp(delivery, attempts, fault, stop);
    }

    /// <summary>Why there is no further attempt; null while there is one.</summary>
    private JobFault? Exhausted(AttemptLog.Entries attempts, JobLimits limits)
    {
        if (attempts.Count(FaultReason.EngineDead) >= options.MaxEngineDeaths || attempts.ProcessDeaths >= options.MaxProcessDeaths)
            return new JobFault(FaultReason.EngineDead, $"{attempts.Deaths} times a worker died while it rendered this.");
        if (attempts.MaxBatch == 0)
            return new JobFault(FaultReason.OutOfMemory, "One image alone does not fit the memory.");
        // Deaths have their own bound: one that was caused from outside must not use up the attempts.
        return attempts.Spent - attempts.Deaths >= Math.Clamp(limits.MaxAttempts, 1, 20)
            ? new JobFault(attempts.Attempts.Last(attempt => attempt.Ended is not null).Ended!, $"It was tried {attempts.Spent} times.")
            : null;
    }

    private async Task<Settlement> Succeed(Delivery delivery, AttemptLog.Entries attempts, IReadOnlyList<ImageRecord> records, StageSeconds? seconds, CancellationToken stop)
    {
        if (delivery.Job is { Reply: { } reply, Input.Batch: { } batch })
        {
            await client.RaiseEvent(reply.Instance, reply.Event, new BatchDone(batch, true, null));
            return new Settlement(SettlementKind.Complete);
        }

        var result = Result(delivery, attempts, records.Any(record => record.Image is not null) ? JobStatus.Succeeded : JobStatus.Failed);
        var failed = records.All(record => record.Image is null) ? records[0].Reason : null;
        await Conclude(
            delivery.Job,
            result with
            {
                Images = [.. records.Select((record, i) => Image(record, i))],
                Timings = seconds is null || result.StartedAt is not { } begun ? null : Timings(delivery.Message.Sent, begun, seconds),
                Error = failed is null ? null : new JobError(failed, "No image came out that could be kept.", false, attempts.Spent),
            },
            stop);
        return new Settlement(SettlementKind.Complete);
    }

    private async Task<Settlement> GiveUp(Delivery delivery, AttemptLog.Entries attempts, JobFault fault, CancellationToken stop)
    {
        await DeadLetter.Dump(blobs, queue, delivery.Id, delivery.Message.Body, fault, attempts, clock.GetUtcNow(), stop);
        if (delivery.Job is { Reply: { } reply, Input: { Batch: { } batch } input })
        {
            if (input.PromptRef?.Split('/') is ["work", var run, ..])
                await GenerateSteps.WriteFailure(blobs, new RunNames(run), new BatchFailure(batch, fault.Reason, fault.Message), stop);
            await client.RaiseEvent(reply.Instance, reply.Event, new BatchDone(batch, false, fault.Reason));
        }
        else
        {
            await Conclude(
                delivery.Job,
                Result(delivery, attempts, JobStatus.Failed) with { Error = new JobError(fault.Reason, fault.Message, fault.IsRetryable, attempts.Spent) }, stop);
        }

        return new Settlement(SettlementKind.DeadLetter, Reason: fault.Reason, Message: fault.Message);
    }

    /// <summary>A message that is not a job, takes another's id, or whose surroundings never answered.</summary>
    private async Task<Settlement> GiveUpUnread(JobMessage? job, QueuedJob message, JobFault fault)
    {
        var id = $"unread-{Digest.Sha256(job?.JobId ?? message.Body)[..32]}";
        await DeadLetter.Dump(blobs, queue, id, message.Body, fault, new AttemptLog.Entries([], null), clock.GetUtcNow(), CancellationToken.None);
        return new Settlement(SettlementKind.DeadLetter, Reason: fault.Reason, Message: fault.Message);
    }

    private async Task Conclude(JobMessage job, JobResult result, CancellationToken cancellationToken)
    {
        await _results.Write(result, cancellationToken);
        if (job.Reply is { } reply)
            await client.RaiseEvent(reply.Instance, reply.Event, new BatchDone(job.JobId, result.Status == JobStatus.Succeeded, result.Error?.Code));
        Ended?.Invoke(result);
    }

    private JobResult Result(Delivery delivery, AttemptLog.Entries attempts, string status) => new()
    {
        JobId = delivery.Job.JobId,
        BatchId = delivery.Job.BatchId,
        IdempotencyKey = Key(delivery.Job),
        Status = status,
        Round = delivery.Job.Round,
        Device = options.Device,
        Attempts = attempts.Spent,
        StartedAt = attempts.Attempts is [.., var last] ? last.Begun : null,
        CompletedAt = clock.GetUtcNow(),
        Traceparent = delivery.Job.Traceparent,
    };

    private static JobImage Image(ImageRecord record, int index) => new(
        index, record.Seed, record.Image?.Name, record.Image?.Sha256, record.Image?.Bytes ?? 0, record.Image?.Width ?? 0, record.Image?.Height ?? 0, record.Flags, record.Reason);

    private JobTimings Timings(DateTimeOffset sent, DateTimeOffset begun, StageSeconds seconds) => new(
        Math.Max(0, (long)(begun - sent).TotalMilliseconds),
        (long)(1000 * seconds.Text),
        (long)(1000 * seconds.Denoise),
        (long)(1000 * seconds.Decode),
        (long)(clock.GetUtcNow() - begun).TotalMilliseconds);

    private static string Key(JobMessage job) => job.IdempotencyKey ?? job.JobId;

    /// <param name="Job">What the message says.</param>
    /// <param name="Id">The job's id as part of names.</param>
    /// <param name="Message">As it came.</param>
    private sealed record Delivery(JobMessage Job, string Id, QueuedJob Message)
    {
        public string AttemptKey => Job.Round == 0 ? Id : $"{Id}.{Job.Round}";
    }
}
