using System.Collections.Concurrent;
using System.Diagnostics;
using Sana.Inference.Diffusion;
using Sana.Jobs.Durable;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Jobs.Requests;
using Sana.Jobs.Telemetry;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Worker;

/// <summary>
/// One message from body to settlement; the queue, whichever it is, only carries it out. Everything it writes has a name that follows from the message and is written
/// if absent, so a message may come twice, and the process may die between any two lines.
/// </summary>
public sealed class JobHandler
{
    // A message that fails before its first attempt, because blobs or engine do not answer, comes back often before it is given up.
    private const int MaxDeliveries = 200;

    // Of these deliveries at least so many failed here: one that was only left for another worker is not given up at its first fault.
    private const int MinFaults = 5;

    private static readonly TimeSpan _whileAnotherWorks = TimeSpan.FromSeconds(2);

    private readonly WorkflowClient _client;
    private readonly RenderWorkerOptions _options;
    private readonly JobResults _results;
    private readonly RevivedJobs _revived;
    private readonly JobEnds _ends;
    private readonly JobAttempt _attempt;
    private readonly ConcurrentDictionary<string, int> _faults = new();

    /// <summary>Puts the parts together; nothing is read.</summary>
    /// <param name="blobs">Where plans, images, results and attempts are.</param>
    /// <param name="client">Hears of the ends of a workflow's batches.</param>
    /// <param name="source">The networks.</param>
    /// <param name="queue">The queue's name.</param>
    /// <param name="options">How messages are treated.</param>
    /// <param name="clock">Dates results and attempts, and judges what is too late.</param>
    /// <param name="callbacks">Which webhooks a message may ask for. Default none.</param>
    public JobHandler(
        IBlobs blobs, WorkflowClient client, RendererSource source, string queue, RenderWorkerOptions options, TimeProvider clock, CallbackRules? callbacks = null)
        : this(blobs, client, source, queue, options, clock, callbacks, ProcessPlace.Current)
    {
    }

    internal JobHandler(
        IBlobs blobs,
        WorkflowClient client,
        RendererSource source,
        string queue,
        RenderWorkerOptions options,
        TimeProvider clock,
        CallbackRules? callbacks,
        ProcessPlace here)
    {
        var rules = callbacks ?? new CallbackRules(new(), []);
        (_client, _options) = (client, options);
        _results = new JobResults(blobs);
        _revived = new RevivedJobs(blobs, client);
        _ends = new JobEnds(blobs, client, queue, options, rules, clock);
        _attempt = new JobAttempt(blobs, client, source, queue, options, new JobReader(blobs, options, rules), _ends, clock, here);
        Left = new LeftMessages(clock);
    }

    /// <summary>Told of every job from outside that has ended, after its result was written.</summary>
    public event Action<JobResult>? Ended
    {
        add => _ends.Ended += value;
        remove => _ends.Ended -= value;
    }

    /// <summary>The id of the job that is being handled; null between two.</summary>
    public string? Current { get; private set; }

    /// <summary>What waits for a worker with another checkpoint.</summary>
    public LeftMessages Left { get; }

    /// <summary>Does what a message asks for.</summary>
    /// <param name="message">As it came from the queue.</param>
    /// <param name="progress">Told of each step of the render.</param>
    /// <param name="stop">Ends the render; the message is then to be returned and the attempt does not count.</param>
    /// <param name="drain">The worker was told to stop and may be killed: what happens then does not count. Default with <paramref name="stop"/>.</param>
    public async Task<Settlement> Handle(QueuedJob message, IProgress<GenerateProgress>? progress, CancellationToken stop, CancellationToken drain = default)
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
            var delivery = new Delivery(job, JobReader.NameOf(job.JobId), message);
            var settlement = await Duplicate(delivery, stop) ?? await _attempt.Try(delivery, progress, stop, drain);
            _faults.TryRemove(job.JobId, out _);
            Left.Remove(job.JobId);
            return settlement;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return new Settlement(SettlementKind.Abandon);
        }
        catch (OtherModelException other)
        {
            Left.Add(job!.JobId, other.Message);
            return new Settlement(SettlementKind.Abandon, LeftMessages.Delay, FaultReason.ModelMismatch, other.Message);
        }
        catch (Exception error)
        {
            var fault = JobFault.OfReading(error);
            var faults = _faults.AddOrUpdate(job?.JobId ?? message.Id, 1, (_, before) => before + 1);
            if (fault.IsRetryable && (message.Deliveries < MaxDeliveries || faults < MinFaults))
                return new Settlement(SettlementKind.Abandon, _options.DelayAfter(Math.Min(message.Deliveries, 20)), fault.Reason, fault.Message);
            _faults.TryRemove(job?.JobId ?? message.Id, out _);
            return await _ends.GiveUpUnread(job, message, fault);
        }
        finally
        {
            Current = null;
        }
    }

    /// <summary>What to do with a message whose work is done, is no longer wanted, or is another's; null when it is to be rendered.</summary>
    private async Task<Settlement?> Duplicate(Delivery delivery, CancellationToken cancellationToken)
    {
        var job = delivery.Job;
        if (job.Reply is { } reply)
        {
            var waits = await _client.Get(reply.Instance);
            if (waits is { Status: WorkflowStatus.Suspended })
                return new Settlement(SettlementKind.Abandon, _options.DelayAfter(Math.Min(delivery.Message.Deliveries, 4)));
            return await _revived.Revive(job, waits, cancellationToken) ? null : new Settlement(SettlementKind.Complete, Reason: JobStatus.Canceled);
        }

        if (await _results.Read(job.JobId, cancellationToken) is { } result && result.Round >= job.Round)
        {
            if (result.JobId != job.JobId || result.IdempotencyKey != job.Key || !IsOf(job, result))
                throw new JobFaultException(FaultReason.BadInput, $"The job_id {job.JobId} belongs to another job; give each job an id of its own.");
            // The process may have died between the result and the webhook.
            await _ends.Tell(job, result);
            return new Settlement(SettlementKind.Complete);
        }

        if (job.Key == job.JobId || await _results.Claim($"{job.Tenant}\n{job.Key}", job.JobId, cancellationToken) is var owner && owner == job.JobId)
            return null;
        if (await _results.Read(owner, cancellationToken) is { } done)
        {
            if (!IsOf(job, done))
                return await _ends.GiveUp(delivery, new AttemptLog.Entries([], null), new JobFault(FaultReason.BadInput, $"The idempotency key belongs to another request, job {owner}; take a new one."), cancellationToken);
            await _ends.Conclude(job, done with { JobId = job.JobId, BatchId = job.BatchId, Round = job.Round, DuplicateOf = owner }, cancellationToken);
            return new Settlement(SettlementKind.Complete);
        }

        // Its owner waits or works. If it never ends, because somebody removed its message, the key is as good as free.
        return delivery.Message.Deliveries < MaxDeliveries ? new Settlement(SettlementKind.Abandon, _whileAnotherWorks) : null;
    }

    /// <summary>Whether a result is of what this message asks for. One of an earlier version does not say.</summary>
    private static bool IsOf(JobMessage job, JobResult result) => result.RequestSha256 is null || result.RequestSha256 == job.Sha256OfRequest();
}
