using System.Collections.Concurrent;
using System.Globalization;
using Azure.Messaging.ServiceBus;
using Sana.Workflows;
using Sana.Workflows.Blobs;
using Sana.Workflows.Queue;

namespace Sana.Functions.Queue;

/// <summary>
/// Jobs on Service Bus. Its lock is the hold, its dead-letter queue takes the buried, and a message's id makes a job that is sent twice within ten minutes one.
/// The gpu role takes its messages by trigger; the rest of this class is what a person's verbs need.
/// </summary>
internal sealed class ServiceBusJobQueue(ServiceBusClient client, string name, IBlobs blobs, QueueDepth depth) : IJobQueue, IAsyncDisposable
{
    // Of the Standard tier's 256 KB, headers included.
    private const int MaxBodyBytes = 192 * 1024;

    private readonly ServiceBusSender _sender = client.CreateSender(name);
    private readonly ServiceBusReceiver _receiver = client.CreateReceiver(name);
    private readonly ServiceBusReceiver _dead = client.CreateReceiver(name, new ServiceBusReceiverOptions { SubQueue = SubQueue.DeadLetter });
    private readonly ConcurrentDictionary<string, ServiceBusReceivedMessage> _held = [];

    public string Name => name;

    public Task<bool> Send(JobMessage job, TimeSpan delay = default, CancellationToken cancellationToken = default) => Ask("written", async () =>
    {
        var small = await ClaimCheck.Fit(blobs, job, MaxBodyBytes, cancellationToken);
        var message = new ServiceBusMessage(small.ToJson())
        {
            ContentType = "application/json",
            MessageId = MessageId(job),
            ScheduledEnqueueTime = delay > TimeSpan.Zero ? TimeProvider.System.GetUtcNow() + delay : default,
        };
        await _sender.SendMessageAsync(message, cancellationToken);
        return true;
    });

    public Task<QueuedJob?> Receive(TimeSpan visibility, CancellationToken cancellationToken = default) => Ask("read", async () =>
    {
        var message = await _receiver.ReceiveMessageAsync(TimeSpan.FromSeconds(1), cancellationToken);
        if (message is null)
            return null;
        _held[message.LockToken] = message;
        return Read(message);
    });

    // How long a lock holds is the queue's own setting.
    public Task<bool> Renew(QueuedJob job, TimeSpan visibility, CancellationToken cancellationToken = default) =>
        Held(job, message => _receiver.RenewMessageLockAsync(message, cancellationToken), keeps: true);

    public Task<bool> Complete(QueuedJob job, CancellationToken cancellationToken = default) =>
        Held(job, message => _receiver.CompleteMessageAsync(message, cancellationToken));

    /// <summary>Service Bus returns a message at once or not at all: one that is to be seen later is sent anew for then, and counts its deliveries on.</summary>
    public async Task<bool> Abandon(QueuedJob job, TimeSpan delay, CancellationToken cancellationToken = default)
    {
        if (delay <= TimeSpan.Zero)
            return await Held(job, message => _receiver.AbandonMessageAsync(message, cancellationToken: cancellationToken));
        await Send(JobMessage.Parse(job.Body) with { Returned = job.Deliveries }, delay, cancellationToken);
        return await Complete(job, cancellationToken);
    }

    public Task<bool> Bury(QueuedJob job, string reason, string message, CancellationToken cancellationToken = default) =>
        Held(job, held => _receiver.DeadLetterMessageAsync(held, reason, message, cancellationToken));

    public Task<QueueCounts> Count(CancellationToken cancellationToken = default) => depth.Count(cancellationToken);

    public Task<IReadOnlyList<QueuedJob>> Peek(int most, CancellationToken cancellationToken = default) => Ask<IReadOnlyList<QueuedJob>>("read", async () =>
        [.. (await _receiver.PeekMessagesAsync(most, cancellationToken: cancellationToken)).Select(Read)]);

    public Task<IReadOnlyList<DeadJob>> Dead(int most, CancellationToken cancellationToken = default) => Ask<IReadOnlyList<DeadJob>>("read", async () =>
        [.. (await _dead.PeekMessagesAsync(most, cancellationToken: cancellationToken)).Select(message =>
            new DeadJob(IdOf(message), message.Body.ToString(), message.DeadLetterReason, message.DeadLetterErrorDescription, message.EnqueuedTime))]);

    public Task<int> Requeue(string? id, CancellationToken cancellationToken = default) => Ask("read", async () =>
    {
        var count = 0;
        var others = new List<ServiceBusReceivedMessage>();
        while (await _dead.ReceiveMessageAsync(TimeSpan.FromSeconds(2), cancellationToken) is { } message)
        {
            if (id is not null && IdOf(message) != id)
            {
                others.Add(message);
                continue;
            }

            var body = DeadMark.Revive(message.Body.ToString());
            await _sender.SendMessageAsync(new ServiceBusMessage(body) { ContentType = message.ContentType, MessageId = $"{message.MessageId}-revived-{message.SequenceNumber}" }, cancellationToken);
            await _dead.CompleteMessageAsync(message, cancellationToken);
            count++;
            if (id is not null)
                break;
        }

        foreach (var other in others)
            await _dead.AbandonMessageAsync(other, cancellationToken: cancellationToken);
        return count;
    });

    public async ValueTask DisposeAsync() => await client.DisposeAsync();

    /// <summary>A message as the handler reads it.</summary>
    public static QueuedJob Read(ServiceBusReceivedMessage message) => new()
    {
        Id = IdOf(message),
        Receipt = message.LockToken,
        Body = message.Body.ToString(),
        Deliveries = message.DeliveryCount + ReturnedJobs.Of(message.Body.ToString()),
        Sent = message.EnqueuedTime,
    };

    /// <summary>The same job, round and return is the same message.</summary>
    internal static string MessageId(JobMessage job) => string.Create(CultureInfo.InvariantCulture, $"{job.JobId}.{job.Round}.{job.Returned}");

    private static string IdOf(ServiceBusReceivedMessage message) => message.SequenceNumber.ToString(CultureInfo.InvariantCulture);

    private Task<bool> Held(QueuedJob job, Func<ServiceBusReceivedMessage, Task> settle, bool keeps = false) => Ask("settled", async () =>
    {
        if (!_held.TryGetValue(job.Receipt, out var message))
            return false;
        try
        {
            await settle(message);
            return keeps || _held.TryRemove(job.Receipt, out _);
        }
        catch (ServiceBusException error) when (error.Reason is ServiceBusFailureReason.MessageLockLost or ServiceBusFailureReason.MessageNotFound)
        {
            _held.TryRemove(job.Receipt, out _);
            return false;
        }
    });

    private async Task<T> Ask<T>(string verb, Func<Task<T>> request)
    {
        try
        {
            return await request();
        }
        catch (Exception error) when (error is ServiceBusException or UnauthorizedAccessException)
        {
            throw new WorkflowException($"The queue {name} of {client.FullyQualifiedNamespace} cannot be {verb}: {error.Message}", error);
        }
    }
}
