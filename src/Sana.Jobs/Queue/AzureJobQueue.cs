using System.Text;
using Azure;
using Azure.Storage.Queues;
using Azure.Storage.Queues.Models;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Queue;

/// <summary>
/// Jobs in a queue of Azure Storage or Azurite; dead letters in <c>{queue}-poison</c>, as the Functions host does it. Bodies are written in Base64, as that host expects,
/// and read in either form, because many programs write plain text. A body over 48 KB, which Base64 makes 64, leaves its input in a blob.
/// </summary>
public sealed class AzureJobQueue : IJobQueue
{
    private const int MaxBodyBytes = 48 * 1024;
    private const int MaxMessages = 32;

    private static readonly TimeSpan Never = TimeSpan.FromSeconds(-1);

    private readonly QueueClient _queue;
    private readonly QueueClient _poison;
    private readonly IBlobs _blobs;

    private AzureJobQueue(QueueClient queue, QueueClient poison, IBlobs blobs) => (_queue, _poison, _blobs) = (queue, poison, blobs);

    /// <inheritdoc/>
    public string Name => _queue.Name;

    private string Place => $"queue {_queue.Uri.GetLeftPart(UriPartial.Path)}";

    /// <summary>Opens a queue and its poison queue, and makes them if needed.</summary>
    /// <param name="service">The account's queues, with credentials; bodies must not be encoded by it.</param>
    /// <param name="name">3…56 of a-z, 0-9 and single hyphens inside.</param>
    /// <param name="blobs">Where big inputs go.</param>
    /// <param name="cancellationToken">Stops the attempt.</param>
    /// <exception cref="SanaException">Nothing answers, or the queue may not be used.</exception>
    public static async Task<AzureJobQueue> Open(QueueServiceClient service, string name, IBlobs blobs, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(service);
        var queue = new AzureJobQueue(service.GetQueueClient(name), service.GetQueueClient(name + "-poison"), blobs);
        await queue.Ask("open", async () =>
        {
            await queue._queue.CreateIfNotExistsAsync(cancellationToken: cancellationToken);
            return await queue._poison.CreateIfNotExistsAsync(cancellationToken: cancellationToken);
        });
        return queue;
    }

    /// <inheritdoc/>
    public async Task<bool> Send(JobMessage job, TimeSpan delay = default, CancellationToken cancellationToken = default)
    {
        var body = (await ClaimCheck.Fit(_blobs, job, MaxBodyBytes, cancellationToken)).ToJson();
        await Ask("write", () => _queue.SendMessageAsync(Encode(body), delay, Never, cancellationToken));
        return true;
    }

    /// <inheritdoc/>
    public async Task<QueuedJob?> Receive(TimeSpan visibility, CancellationToken cancellationToken = default)
    {
        QueueMessage? message = await Ask("read", () => _queue.ReceiveMessageAsync(visibility, cancellationToken));
        return message is null ? null : Read(message);
    }

    /// <summary>A message that somebody else took, such as the Functions host.</summary>
    public static QueuedJob Read(QueueMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return new QueuedJob
        {
            Id = message.MessageId,
            Receipt = message.PopReceipt,
            Body = Decode(message.MessageText),
            Deliveries = (int)message.DequeueCount,
            Sent = message.InsertedOn ?? default,
        };
    }

    /// <inheritdoc/>
    public Task<bool> Renew(QueuedJob job, TimeSpan visibility, CancellationToken cancellationToken = default) => Held("renew", async () =>
    {
        // Without a text the service keeps the old one.
        UpdateReceipt receipt = await _queue.UpdateMessageAsync(job.Id, job.Receipt, visibilityTimeout: visibility, cancellationToken: cancellationToken);
        job.Receipt = receipt.PopReceipt;
    });

    /// <inheritdoc/>
    public Task<bool> Complete(QueuedJob job, CancellationToken cancellationToken = default) =>
        Held("remove", () => _queue.DeleteMessageAsync(job.Id, job.Receipt, cancellationToken));

    /// <inheritdoc/>
    public Task<bool> Abandon(QueuedJob job, TimeSpan delay, ReturnNote? note = null, CancellationToken cancellationToken = default) =>
        Renew(job, delay, cancellationToken);

    /// <inheritdoc/>
    public async Task<bool> DeadLetter(QueuedJob job, string reason, string message, CancellationToken cancellationToken = default)
    {
        // Twice is better than never: a death between the two leaves a copy that comes back and becomes a dead letter again.
        await Ask("write", () => _poison.SendMessageAsync(Encode(Marked(job.Body, reason, message)), TimeSpan.Zero, Never, cancellationToken));
        return await Complete(job, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<QueueCounts> Count(CancellationToken cancellationToken = default)
    {
        QueueProperties waiting = await Ask("read", () => _queue.GetPropertiesAsync(cancellationToken));
        QueueProperties dead = await Ask("read", () => _poison.GetPropertiesAsync(cancellationToken));
        return new QueueCounts(waiting.ApproximateMessagesCount, 0, dead.ApproximateMessagesCount);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<QueuedJob>> Peek(int most, CancellationToken cancellationToken = default)
    {
        PeekedMessage[] messages = await Ask("read", () => _queue.PeekMessagesAsync(Math.Min(most, MaxMessages), cancellationToken));
        return [.. messages.Select(message => new QueuedJob
        {
            Id = message.MessageId, Receipt = "", Body = Decode(message.MessageText), Deliveries = (int)message.DequeueCount, Sent = message.InsertedOn ?? default,
        })];
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<DeadJob>> Dead(int most, CancellationToken cancellationToken = default)
    {
        PeekedMessage[] messages = await Ask("read", () => _poison.PeekMessagesAsync(Math.Min(most, MaxMessages), cancellationToken));
        return [.. messages.Select(message =>
        {
            var body = Decode(message.MessageText);
            var mark = DeadLetterNote.Read(body);
            return new DeadJob(message.MessageId, body, mark?.Reason, mark?.Message, message.InsertedOn ?? default);
        })];
    }

    /// <inheritdoc/>
    public Task<int> Requeue(string? id, CancellationToken cancellationToken = default) => RemoveDead(
        message => id is null || message.MessageId == id,
        message => Ask("write", () => _queue.SendMessageAsync(Encode(DeadLetterNote.Requeued(Decode(message.MessageText))), TimeSpan.Zero, Never, cancellationToken)),
        isOne: id is not null,
        cancellationToken);

    /// <inheritdoc/>
    public Task<int> PurgeDead(DateTimeOffset before, CancellationToken cancellationToken = default) =>
        RemoveDead(message => message.InsertedOn < before, _ => Task.CompletedTask, isOne: false, cancellationToken);

    private async Task<int> RemoveDead(Func<QueueMessage, bool> isWanted, Func<QueueMessage, Task> first, bool isOne, CancellationToken cancellationToken)
    {
        var count = 0;
        var others = new List<QueueMessage>();
        while (true)
        {
            QueueMessage[] messages = await Ask("read", () => _poison.ReceiveMessagesAsync(MaxMessages, TimeSpan.FromMinutes(1), cancellationToken));
            others.AddRange(messages.Where(message => !isWanted(message)));
            foreach (var message in messages.Where(isWanted))
            {
                await first(message);
                await Ask("remove", () => _poison.DeleteMessageAsync(message.MessageId, message.PopReceipt, cancellationToken));
                count++;
            }

            if (messages.Length == 0 || (isOne && count > 0))
                break;
        }

        foreach (var other in others)
            await Ask("return", () => _poison.UpdateMessageAsync(other.MessageId, other.PopReceipt, visibilityTimeout: TimeSpan.Zero, cancellationToken: cancellationToken));
        return count;
    }

    private static string Marked(string body, string reason, string message)
    {
        var marked = DeadLetterNote.Write(body, reason, message);
        return Encoding.UTF8.GetByteCount(marked) <= MaxBodyBytes ? marked : body;
    }

    // A plain body from outside may be too long to be sent in Base64.
    private static string Encode(string body)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        return bytes.Length <= MaxBodyBytes ? Convert.ToBase64String(bytes) : body;
    }

    private static string Decode(string text)
    {
        var bytes = new byte[text.Length];
        if (text.AsSpan().TrimStart() is ['{', ..] || !Convert.TryFromBase64String(text, bytes, out var length))
            return text;
        return System.Text.Unicode.Utf8.IsValid(bytes.AsSpan(0, length)) ? Encoding.UTF8.GetString(bytes, 0, length) : text;
    }

    private Task<bool> Held(string verb, Func<Task> request) => Ask(verb, async () =>
    {
        try
        {
            await request();
            return true;
        }
        catch (RequestFailedException error) when (error.ErrorCode is "MessageNotFound" or "PopReceiptMismatch" or "InvalidQueryParameterValue")
        {
            return false;
        }
    });

    private async Task<T> Ask<T>(string verb, Func<Task<T>> request)
    {
        try
        {
            return await request();
        }
        catch (Exception error) when (AzureFault.IsFromService(error))
        {
            throw AzureFault.From(verb, _queue.Uri, Place, error);
        }
    }
}
