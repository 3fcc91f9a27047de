using Azure.Core;

namespace Azure.Messaging.ServiceBus;

public class ServiceBusClient(string fullyQualifiedNamespace, TokenCredential? credential) : IAsyncDisposable
{
    public virtual string FullyQualifiedNamespace { get; } = fullyQualifiedNamespace;

    public TokenCredential? Credential { get; } = credential;

    public virtual ServiceBusSender CreateSender(string queueOrTopicName) => new();

    public virtual ServiceBusReceiver CreateReceiver(string queueName) => new();

    public virtual ServiceBusReceiver CreateReceiver(string queueName, ServiceBusReceiverOptions options) => new();

    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }
}

public class ServiceBusSender
{
    public virtual Task SendMessageAsync(ServiceBusMessage message, CancellationToken cancellationToken = default) => throw new NotSupportedException();
}

public class ServiceBusReceiver
{
    public virtual Task<ServiceBusReceivedMessage> ReceiveMessageAsync(TimeSpan? maxWaitTime = default, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public virtual Task<IReadOnlyList<ServiceBusReceivedMessage>> PeekMessagesAsync(
        int maxMessages, long? fromSequenceNumber = default, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public virtual Task CompleteMessageAsync(ServiceBusReceivedMessage message, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public virtual Task AbandonMessageAsync(
        ServiceBusReceivedMessage message, IDictionary<string, object>? propertiesToModify = null, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public virtual Task DeadLetterMessageAsync(
        ServiceBusReceivedMessage message, string deadLetterReason, string? deadLetterErrorDescription = null, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public virtual Task RenewMessageLockAsync(ServiceBusReceivedMessage message, CancellationToken cancellationToken = default) => throw new NotSupportedException();
}

public class ServiceBusReceiverOptions
{
    public SubQueue SubQueue { get; set; }
}

public enum SubQueue
{
    None = 0,
    DeadLetter = 1,
}

public class ServiceBusMessage(string body)
{
    public BinaryData Body { get; set; } = new(body);

    public string? ContentType { get; set; }

    public string? MessageId { get; set; }

    public DateTimeOffset ScheduledEnqueueTime { get; set; }
}

public class ServiceBusReceivedMessage
{
    public BinaryData Body { get; init; } = new("");

    public string MessageId { get; init; } = "";

    public string? ContentType { get; init; }

    public string LockToken { get; init; } = "";

    public int DeliveryCount { get; init; }

    public long SequenceNumber { get; init; }

    public DateTimeOffset EnqueuedTime { get; init; }

    public string? DeadLetterReason { get; init; }

    public string? DeadLetterErrorDescription { get; init; }
}

public class ServiceBusException(string message, ServiceBusFailureReason reason) : Exception(message)
{
    public ServiceBusFailureReason Reason { get; } = reason;
}

public enum ServiceBusFailureReason
{
    GeneralError = 0,
    MessageLockLost = 2,
    MessageNotFound = 3,
}
