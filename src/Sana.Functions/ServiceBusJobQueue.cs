using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Azure.Core;
using Azure.Identity;
using Azure.Messaging.ServiceBus;
using Sana.Jobs.Queue;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Functions;

/// <summary>
/// Jobs on Service Bus. Its lock is the hold, its dead-letter queue holds the dead letters, and a message's id makes a message that is sent twice within ten minutes one.
/// The gpu role takes its messages by trigger; the rest of this class is what a person's verbs need.
/// </summary>
internal sealed class ServiceBusJobQueue(ServiceBusClient client, string name, IBlobs blobs, QueueDepth depth, TimeProvider clock) : IJobQueue, IAsyncDisposable
{
    // Of the Standard tier's 256 KB, headers included.
    private const int MaxBodyBytes = 192 * 1024;

    private const int MaxIdLength = 128;
    private const int MaxReasonLength = 4096;
    private const int BatchSize = 32;

    // A letter that is there and does not come is held by another who puts letters back.
    private const int MaxMisses = 3;

    private static readonly TimeSpan _whenEmpty = TimeSpan.FromSeconds(1);

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
            ScheduledEnqueueTime = delay > TimeSpan.Zero ? clock.GetUtcNow() + delay : default,
        };
        await _sender.SendMessageAsync(message, cancellationToken);
        return true;
    });

    public Task<QueuedJob?> Receive(TimeSpan visibility, CancellationToken cancellationToken = default) => Ask("read", async () =>
    {
        var message = await _receiver.ReceiveMessageAsync(_whenEmpty, cancellationToken);
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

    /// <summary>Service Bus returns a message at once or not at all: a job that is to be seen later is sent anew for then, and counts its deliveries on.</summary>
    public async Task<bool> Abandon(QueuedJob job, TimeSpan delay, ReturnNote? note = null, CancellationToken cancellationToken = default)
    {
        if (delay <= TimeSpan.Zero || ReturnedJobs.Read(job.Body) is not { } returned)
            return await Held(job, message => _receiver.AbandonMessageAsync(message, cancellationToken: cancellationToken));
        // Who has lost the hold sends nothing: the message is in the queue, or with another worker.
        if (!await Renew(job, delay, cancellationToken))
            return false;
        await Send(returned with { Returned = job.Deliveries }, delay, cancellationToken);
        return await Complete(job, cancellationToken);
    }

    public Task<bool> DeadLetter(QueuedJob job, string reason, string message, CancellationToken cancellationToken = default) =>
        Held(job, held => _receiver.DeadLetterMessageAsync(held, Short(reason), Short(message), cancellationToken));

    public Task<QueueCounts> Count(CancellationToken cancellationToken = default) => depth.Count(cancellationToken);

    // From the first on: without a number the client goes on where its last look ended.
    public Task<IReadOnlyList<QueuedJob>> Peek(int most, CancellationToken cancellationToken = default) => Ask<IReadOnlyList<QueuedJob>>("read", async () =>
        [.. (await _receiver.PeekMessagesAsync(most, fromSequenceNumber: 0, cancellationToken)).Select(Read)]);

    public Task<IReadOnlyList<DeadJob>> Dead(int most, CancellationToken cancellationToken = default) => Ask<IReadOnlyList<DeadJob>>("read", async () =>
        [.. (await _dead.PeekMessagesAsync(most, fromSequenceNumber: 0, cancellationToken)).Select(message =>
            new DeadJob(IdOf(message), Text(message), message.DeadLetterReason, message.DeadLetterErrorDescription, message.EnqueuedTime))]);

    public Task<int> Requeue(string? id, CancellationToken cancellationToken = default) =>
        RemoveDead(letter => id is null || IdOf(letter) == id, letter => _sender.SendMessageAsync(Revive(letter), cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<int> PurgeDead(DateTimeOffset before, CancellationToken cancellationToken = default) => RemoveDead(letter => letter.EnqueuedTime < before, _ => Task.CompletedTask, cancellationToken);

    private Task<int> RemoveDead(Func<ServiceBusReceivedMessage, bool> isWanted, Func<ServiceBusReceivedMessage, Task> first, CancellationToken cancellationToken) => Ask("read", async () =>
    {
        // Those that are dead now: what becomes a dead letter again meanwhile would be sent without end.
        var wanted = await Letters(isWanted, cancellationToken);
        var (count, misses, others) = (0, 0, new List<ServiceBusReceivedMessage>());
        while (wanted.Count > 0 && misses < MaxMisses)
        {
            var batch = await _dead.ReceiveMessagesAsync(BatchSize, _whenEmpty, cancellationToken);
            misses = batch.Count == 0 ? misses + 1 : 0;
            others.AddRange(batch.Where(message => !wanted.Contains(message.SequenceNumber)));
            foreach (var message in batch.Where(message => wanted.Remove(message.SequenceNumber)))
            {
                await first(message);
                await _dead.CompleteMessageAsync(message, cancellationToken);
                count++;
            }
        }

        // After a failure before this line they come back when their locks run out.
        foreach (var other in others)
            await _dead.AbandonMessageAsync(other, cancellationToken: cancellationToken);
        return count;
    });

    public async ValueTask DisposeAsync() => await client.DisposeAsync();

    /// <summary>A message as the handler reads it.</summary>
    public static QueuedJob Read(ServiceBusReceivedMessage message)
    {
        var body = Text(message);
        return new QueuedJob
        {
            Id = IdOf(message),
            Receipt = message.LockToken,
            Body = body,
            Deliveries = message.DeliveryCount + ReturnedJobs.Of(body),
            Sent = message.EnqueuedTime,
        };
    }

    /// <summary>
    /// The same job, made at the same time, of the same round and return is the same message. The time is part of it, because a job may be sent again soon after its message was removed:
    /// a run that is canceled and started again has the same jobs.
    /// </summary>
    internal static string MessageId(JobMessage job)
    {
        var made = job.CreatedAt is { } at ? string.Create(CultureInfo.InvariantCulture, $".{at.UtcTicks:x}") : "";
        var id = string.Create(CultureInfo.InvariantCulture, $"{job.JobId}.{job.Round}.{job.Returned}{made}");
        return id.Length <= MaxIdLength ? id : Digest.Sha256(id);
    }

    /// <summary>A reason or sentence of a dead letter in the length that the service takes.</summary>
    internal static string Short(string text) => text.Length <= MaxReasonLength ? text : text[..(MaxReasonLength - 1)] + "…";

    private static string IdOf(ServiceBusReceivedMessage message) => message.SequenceNumber.ToString(CultureInfo.InvariantCulture);

    /// <summary>The body as text. Other programs may send an AMQP value, such as the text message of JMS, where the client itself reads only bytes.</summary>
    private static string Text(ServiceBusReceivedMessage message)
    {
        var body = message.GetRawAmqpMessage().Body;
        if (body.TryGetData(out var parts))
            return Encoding.UTF8.GetString([.. parts!.SelectMany(part => part.ToArray())]);
        return body.TryGetValue(out var value) ? value switch { byte[] bytes => Encoding.UTF8.GetString(bytes), _ => $"{value}" } : "";
    }

    /// <summary>The message that is sent again for a dead letter, with all that its sender gave it. Its id is a new one, or the service would drop it as a duplicate.</summary>
    private static ServiceBusMessage Revive(ServiceBusReceivedMessage message)
    {
        var (body, revived) = (Text(message), new ServiceBusMessage(message));
        if (DeadLetterNote.Requeued(body) is var alive && alive != body)
            revived.Body = new BinaryData(alive);
        revived.MessageId = ReturnedJobs.Read(alive) is { } job ? MessageId(job) : $"revived.{IdOf(message)}";
        return revived;
    }

    /// <summary>Sequence numbers of the dead letters that are wanted.</summary>
    private async Task<HashSet<long>> Letters(Func<ServiceBusReceivedMessage, bool> isWanted, CancellationToken cancellationToken)
    {
        var letters = new HashSet<long>();
        for (var from = 0L; await _dead.PeekMessagesAsync(BatchSize, from, cancellationToken) is [.., var last] page; from = last.SequenceNumber + 1)
            letters.UnionWith(page.Where(isWanted).Select(letter => letter.SequenceNumber));
        return letters;
    }

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
        catch (Exception error) when (error is ServiceBusException or UnauthorizedAccessException or AuthenticationFailedException)
        {
            throw new SanaException($"The queue {name} of {client.FullyQualifiedNamespace} cannot be {verb}: {Why(error)}", error);
        }
    }

    private static string Why(Exception error) => error switch
    {
        AuthenticationFailedException => "nobody is signed in; run 'az login', give the app an identity, or set ServiceBus to a connection string.",
        UnauthorizedAccessException => "the service refuses; an identity needs the roles Azure Service Bus Data Sender and Data Receiver, a connection string the rights Send and Listen.",
        ServiceBusException { Reason: ServiceBusFailureReason.MessagingEntityNotFound } => "the namespace has no queue of this name; make it as infra/bus.bicep does.",
        ServiceBusException { Reason: ServiceBusFailureReason.ServiceCommunicationProblem or ServiceBusFailureReason.ServiceTimeout or ServiceBusFailureReason.ServiceBusy } =>
            "the service does not answer; check the address and the network and try again.",
        ServiceBusException { Reason: ServiceBusFailureReason.MessageSizeExceeded } => "the message is larger than the queue takes; put its input into a blob and name it as prompt_ref.",
        ServiceBusException { Reason: ServiceBusFailureReason.QuotaExceeded } => "the queue is full; try again when workers have taken messages.",
        ServiceBusException failed => $"the service answers {failed.Reason}; try again.",
        _ => error.Message,
    };
}

/// <summary>How often a job was returned before: a queue that cannot delay a returned message gets a new one in its place, which would count its deliveries from one.</summary>
internal static class ReturnedJobs
{
    // Bodies come from outside, too: the sum with the queue's own count must stay a number.
    private const int Most = 1_000_000;

    public static int Of(string body) => Math.Clamp(Read(body)?.Returned ?? 0, 0, Most);

    /// <summary>The job of a body; null when it is none: the handler will say what is wrong with it.</summary>
    public static JobMessage? Read(string body)
    {
        try
        {
            return JobMessage.Parse(body);
        }
        catch (JobFaultException)
        {
            return null;
        }
    }
}

/// <summary>
/// How long a Service Bus queue is, asked of Azure's resource manager: a sender may read that there, while Service Bus itself tells only who may manage it.
/// </summary>
/// <param name="resource">Resource id of the queue; null where nobody said, and then it counts as empty.</param>
/// <param name="credential">Whose right it is.</param>
internal sealed class QueueDepth(string? resource, TokenCredential credential)
{
    private const string Manager = "https://management.azure.com";

    // The resource manager bounds how often it may be asked, and how long a queue is need not be known to the second.
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(5);

    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(10) };

    private (QueueCounts Counts, long At)? _last;

    public async Task<QueueCounts> Count(CancellationToken cancellationToken)
    {
        if (resource is null)
            return default;
        if (_last is { } last && TimeProvider.System.GetElapsedTime(last.At) < Fresh)
            return last.Counts;
        try
        {
            var token = await credential.GetTokenAsync(new TokenRequestContext([$"{Manager}/.default"]), cancellationToken);
            using var request = new HttpRequestMessage(HttpMethod.Get, $"{Manager}{resource}?api-version=2024-01-01");
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Token);
            using var response = await Http.SendAsync(request, cancellationToken);
            response.EnsureSuccessStatusCode();
            var counts = Read(await response.Content.ReadAsStringAsync(cancellationToken));
            _last = (counts, TimeProvider.System.GetTimestamp());
            return counts;
        }
        catch (HttpRequestException error)
        {
            throw new SanaException($"The length of the queue cannot be read: {error.Message} Sana__QueueResource and the app's Service Bus role must be of the same queue.", error);
        }
    }

    internal static QueueCounts Read(string json)
    {
        var counts = JsonDocument.Parse(json).RootElement.GetProperty("properties").GetProperty("countDetails");
        return new QueueCounts(Number("activeMessageCount") + Number("scheduledMessageCount"), 0, Number("deadLetterMessageCount"));

        long Number(string name) => counts.TryGetProperty(name, out var number) ? number.GetInt64() : 0;
    }
}
