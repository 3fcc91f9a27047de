using System.Data.Common;
using System.Text.RegularExpressions;
using Azure.Core;
using Azure.Identity;
using Azure.Storage.Queues;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Queue;

/// <summary>
/// A queue of a storage account, as people write it: <c>azurite[:queue]</c> · a connection string, with <c>;Queue=name</c> for another queue than <c>sana-jobs</c> ·
/// <c>https://account.queue.core.windows.net[/queue]</c>, with the signed-in identity.
/// </summary>
public static partial class QueuePlace
{
    /// <summary>The queue's name where none is given.</summary>
    public const string DefaultName = "sana-jobs";

    /// <summary>Opens the queue, and makes it if needed.</summary>
    /// <exception cref="SanaException">The text is none of the forms, or nothing answers there.</exception>
    public static async Task<IJobQueue> Open(string text, IBlobs blobs, CancellationToken cancellationToken)
    {
        // Bodies go as they are: the queue reads plain text and Base64 alike, which one setting of the library cannot.
        var options = new QueueClientOptions { MessageEncoding = QueueMessageEncoding.None, Retry = { Mode = RetryMode.Exponential, MaxRetries = 4, Delay = TimeSpan.FromMilliseconds(200) } };
        try
        {
            var (service, name) = Parse(text, options);
            return QueueName().IsMatch(name)
                ? await AzureJobQueue.Open(service, name, blobs, cancellationToken)
                : throw new SanaException($"'{name}' is not a queue's name: 3…56 of a-z, 0-9 and single hyphens inside.");
        }
        catch (Exception error) when (error is FormatException or ArgumentException or InvalidOperationException)
        {
            // The library's message may quote the key.
            throw new SanaException("The queue is none of sqlite, azurite[:queue], a storage connection string with account and key, and https://account.queue.core.windows.net[/queue].");
        }
    }

    private static (QueueServiceClient Service, string Name) Parse(string text, QueueClientOptions options)
    {
        if (text == "azurite" || text.StartsWith("azurite:", StringComparison.Ordinal))
            return (new QueueServiceClient("UseDevelopmentStorage=true", options), text == "azurite" ? DefaultName : text["azurite:".Length..]);
        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme == "https")
            return (new QueueServiceClient(new Uri(url.GetLeftPart(UriPartial.Authority)), new DefaultAzureCredential(), options), url.AbsolutePath.Trim('/') is { Length: > 0 } path ? path : DefaultName);
        var parts = new DbConnectionStringBuilder { ConnectionString = text };
        var connection = string.Join(';', text.Split(';').Where(part => !part.TrimStart().StartsWith("Queue=", StringComparison.OrdinalIgnoreCase)));
        return (new QueueServiceClient(connection, options), parts.TryGetValue("Queue", out var given) ? (string)given : DefaultName);
    }

    [GeneratedRegex(@"^(?=.{3,56}\z)[a-z0-9]+(-[a-z0-9]+)*\z", RegexOptions.CultureInvariant)]
    private static partial Regex QueueName();
}
