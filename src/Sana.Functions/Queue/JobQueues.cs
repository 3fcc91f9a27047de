using Azure.Core;
using Azure.Identity;
using Azure.Messaging.ServiceBus;
using Azure.Storage.Queues;
using Sana.Functions.Hosting;
using Sana.Jobs.Queue;
using Sana.Storage.Blobs;

namespace Sana.Functions.Queue;

/// <summary>The queue that an app's settings name; the triggers of the gpu role listen to the same.</summary>
internal static class JobQueues
{
    /// <summary>The queue's name, on either road.</summary>
    public const string Name = "sana-jobs";

    public static async Task<IJobQueue> Open(FunctionsSettings settings, IBlobs blobs, TimeProvider clock, CancellationToken cancellationToken)
    {
        if (settings.Road == "servicebus")
            return OnServiceBus(settings, blobs, clock);

        // Bodies go as they are: the queue reads plain text and Base64 alike.
        var options = new QueueClientOptions { MessageEncoding = QueueMessageEncoding.None, Retry = { Mode = RetryMode.Exponential, MaxRetries = 4 } };
        var service = settings.HostStorage is { } connection
            ? new QueueServiceClient(connection, options)
            : new QueueServiceClient(new Uri($"https://{settings.HostAccount}.queue.core.windows.net"), new DefaultAzureCredential(), options);
        return await AzureJobQueue.Open(service, Name, blobs, cancellationToken);
    }

    private static ServiceBusJobQueue OnServiceBus(FunctionsSettings settings, IBlobs blobs, TimeProvider clock)
    {
        var credential = new DefaultAzureCredential();
        try
        {
            var client = settings.ServiceBus is { } connection ? new ServiceBusClient(connection) : new ServiceBusClient(settings.ServiceBusNamespace!, credential);
            return new ServiceBusJobQueue(client, Name, blobs, new QueueDepth(settings.QueueResource, credential), clock);
        }
        catch (Exception error) when (error is FormatException or ArgumentException or InvalidOperationException)
        {
            // Without the cause, which may quote the key.
            throw new SanaException(settings.ServiceBus is null
                ? $"ServiceBus__fullyQualifiedNamespace is '{settings.ServiceBusNamespace}', which is no host name; it looks like name.servicebus.windows.net."
                : $"ServiceBus is not a connection string of Service Bus, or names another queue than {Name}; copy it again from the namespace's shared access policies.");
        }
    }
}
