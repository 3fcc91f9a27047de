using Sana.Inference.Diffusion;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;
using Sana.Jobs.Requests;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Worker;

/// <summary>The ends of a job: what is written, who is told, and what becomes of the message. Each may be done twice.</summary>
internal sealed class JobEnds(IBlobs blobs, WorkflowClient client, string queue, RenderWorkerOptions options, CallbackRules callbacks, TimeProvider clock)
{
    private readonly JobResults _results = new(blobs);

    /// <summary>Told of every job from outside that has ended, after its result was written.</summary>
    public event Action<JobResult>? Ended;

    /// <summary>Every image is settled, now or before.</summary>
    public async Task<Settlement> Succeed(
        Delivery delivery, AttemptLog.Entries attempts, IReadOnlyList<ImageRecord> records, StageSeconds? seconds, CancellationToken stop)
    {
        if (delivery.Job is { Reply: { } reply, Input.Batch: { } batch })
        {
            await client.RaiseEvent(reply.Instance, reply.Event, new BatchDone(batch, true, null));
            return new Settlement(SettlementKind.Complete);
        }

        var result = Result(delivery, attempts, records.Any(record => record.Image is not null) ? JobStatus.Succeeded : JobStatus.Failed);
        var failed = records.All(record => record.Image is null) ? records.First(record => record.Status == OutcomeStatus.Failed) : null;
        await Conclude(
            delivery.Job,
            result with
            {
                Images = [.. records.Select((record, i) => Image(record, i))],
                Timings = seconds is null || result.StartedAt is not { } begun ? null : Timings(delivery.Message.Sent, begun, seconds),
                Error = failed is null ? null : new JobError(failed.Reason!, failed.Message ?? "No image came out that could be kept.", false, attempts.Spent),
            },
            stop);
        return new Settlement(SettlementKind.Complete);
    }

    /// <summary>There is no further attempt.</summary>
    public async Task<Settlement> GiveUp(Delivery delivery, AttemptLog.Entries attempts, JobFault fault, CancellationToken stop)
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
            var error = new JobError(fault.Reason, fault.Message, fault.IsRetryable, attempts.Spent);
            await Conclude(delivery.Job, Result(delivery, attempts, JobStatus.Failed) with { Error = error }, stop);
        }

        return new Settlement(SettlementKind.DeadLetter, Reason: fault.Reason, Message: fault.Message);
    }

    /// <summary>A message that is not a job, takes another's id, or whose surroundings never answered.</summary>
    public async Task<Settlement> GiveUpUnread(JobMessage? job, QueuedJob message, JobFault fault)
    {
        var id = $"unread-{Digest.Sha256(job?.JobId ?? message.Body)[..32]}";
        await DeadLetter.Dump(blobs, queue, id, message.Body, fault, new AttemptLog.Entries([], null), clock.GetUtcNow(), CancellationToken.None);
        return new Settlement(SettlementKind.DeadLetter, Reason: fault.Reason, Message: fault.Message);
    }

    /// <summary>Writes a result and tells who waits: an instance by its event, a caller from outside by his webhook.</summary>
    public async Task Conclude(JobMessage job, JobResult result, CancellationToken cancellationToken)
    {
        await _results.Write(result, cancellationToken);
        await Tell(job, result);
        Ended?.Invoke(result);
    }

    /// <summary>Tells who waits of a result that is written.</summary>
    public async Task Tell(JobMessage job, JobResult result)
    {
        if (job.Reply is { } reply)
            await client.RaiseEvent(reply.Instance, reply.Event, new BatchDone(job.JobId, result.Status == JobStatus.Succeeded, result.Error?.Code));
        else if (Target(job) is { } target && target.Wants(result.Status))
        {
            var message = WebhookMessage.Of(JobReader.NameOf(job.JobId), job.Round, target, result.Status);
            await client.Start(DeliverWebhook.Workflow, message, message.Instance);
        }
    }

    /// <summary>Null where no webhook is wanted, or one that is refused: that stands in the result.</summary>
    private WebhookTarget? Target(JobMessage job)
    {
        try
        {
            return job.Callback is null ? null : callbacks.Check(job.Callback);
        }
        catch (BlockedCallbackException)
        {
            return null;
        }
    }

    private JobResult Result(Delivery delivery, AttemptLog.Entries attempts, string status) => new()
    {
        JobId = delivery.Job.JobId,
        BatchId = delivery.Job.BatchId,
        IdempotencyKey = delivery.Job.Key,
        RequestSha256 = delivery.Job.Sha256OfRequest(),
        Status = status,
        Round = delivery.Job.Round,
        Device = options.Device,
        Attempts = attempts.Spent,
        StartedAt = attempts.Attempts is [.., var last] ? last.Begun : null,
        CompletedAt = clock.GetUtcNow(),
        Traceparent = delivery.Job.Traceparent,
    };

    private static JobImage Image(ImageRecord record, int index) => new(
        index, record.Seed, record.Image?.Name, record.Image?.Sha256, record.Image?.Bytes ?? 0, record.Image?.Width ?? 0, record.Image?.Height ?? 0, record.Flags, record.Reason)
    { RevisedPrompt = record.RevisedPrompt, Scores = record.Scores };

    private JobTimings Timings(DateTimeOffset sent, DateTimeOffset begun, StageSeconds seconds) => new(
        Math.Max(0, (long)(begun - sent).TotalMilliseconds),
        (long)(1000 * seconds.Text),
        (long)(1000 * seconds.Denoise),
        (long)(1000 * seconds.Decode),
        (long)(clock.GetUtcNow() - begun).TotalMilliseconds);
}

/// <param name="Job">What the message says.</param>
/// <param name="Id">The job's id as part of names.</param>
/// <param name="Message">As it came.</param>
internal sealed record Delivery(JobMessage Job, string Id, QueuedJob Message)
{
    public string AttemptKey => Job.Round == 0 ? Id : $"{Id}.{Job.Round}";
}
