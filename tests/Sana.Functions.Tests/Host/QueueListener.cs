using System.Text.Json;
using Azure;
using Azure.Storage.Queues;
using Azure.Storage.Queues.Models;
using Google.Protobuf;
using Sana.Functions.Tests.Host.Wire;

namespace Sana.Functions.Tests.Host;

/// <summary>The queue trigger's part: a message that its function ends without an exception is removed, another comes back after a minute.</summary>
internal sealed class QueueListener(QueueClient queue, FunctionsWorker app, string function)
{
    /// <summary>How long the host hides a message while its function runs.</summary>
    private static readonly TimeSpan _hidden = TimeSpan.FromMinutes(10);

    /// <summary>Takes one message through its function.</summary>
    /// <returns>False when the queue has none.</returns>
    public async Task<bool> Turn()
    {
        if ((await queue.ReceiveMessageAsync(_hidden)).Value is not { } message)
            return false;
        var response = await app.Invoke(function, Data(message));
        try
        {
            if (response.Result.Status == StatusResult.Types.Status.Success)
                await queue.DeleteMessageAsync(message.MessageId, message.PopReceipt);
            else
                await queue.UpdateMessageAsync(message.MessageId, message.PopReceipt, visibilityTimeout: TimeSpan.FromMinutes(1));
        }
        catch (RequestFailedException error) when (error.ErrorCode == "MessageNotFound")
        {
            // The function has removed it itself, which the host takes for done too.
        }

        return true;
    }

    /// <summary>A message as the extension hands it to a worker that binds it to the storage library's type.</summary>
    private static TypedData Data(QueueMessage message) => new()
    {
        ModelBindingData = new ModelBindingData
        {
            Version = "1.0",
            Source = "AzureStorageQueues",
            ContentType = "application/json",
            Content = ByteString.CopyFrom(JsonSerializer.SerializeToUtf8Bytes(new
            {
                message.MessageId,
                message.PopReceipt,
                message.MessageText,
                message.DequeueCount,
                message.NextVisibleOn,
                message.InsertedOn,
                message.ExpiresOn,
            })),
        },
    };
}
