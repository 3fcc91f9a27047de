using System.Data.Common;
using System.Text.RegularExpressions;
using Azure.Core;
using Azure.Storage.Queues;
using Sana.Jobs.Queue;
using Sana.Local.Queue;
using Sana.Storage.Blobs;

namespace Sana.Local.Hosting;

/// <summary>Where jobs wait, as people write it: <c>sqlite</c> · <c>azurite[:queue]</c> · a connection string, with <c>;Queue=name</c> for another queue than <c>sana-jobs</c>.</summary>
internal static partial class QueuePlace
{
    private const string DefaultQueue = "sana-jobs";

    /// <exception cref="SanaException">The text is none of the forms, or nothing answers there.</exception>
    public static async Task<IJobQueue> Open(string text, string data, IBlobs blobs, TimeProvider clock, CancellationToken cancellationToken)
    {
        if (text == "sqlite")
            return SqliteJobQueue.Open(Path.Combine(data, "queue.db"), clock);
        var (connection, name) = text == "azurite" || text.StartsWith("azurite:", StringComparison.Ordinal)
            ? ("UseDevelopmentStorage=true", text == "azurite" ? DefaultQueue : text["azurite:".Length..])
            : Split(text);
        if (!QueueName().IsMatch(name))
            throw new SanaException($"'{name}' is not a queue's name: 3…56 of a-z, 0-9 and single hyphens inside.");
        try
        {
            // Bodies go as they are: the queue reads plain text and Base64 alike, which one setting of the library cannot.
            var options = new QueueClientOptions { MessageEncoding = QueueMessageEncoding.None, Retry = { Mode = RetryMode.Exponential, MaxRetries = 4, Delay = TimeSpan.FromMilliseconds(200) } };
            return await AzureJobQueue.Open(new QueueServiceClient(connection, options), name, blobs, cancellationToken);
        }
        catch (Exception error) when (error is FormatException or ArgumentException or InvalidOperationException)
        {
            // The library's message may quote the key.
            throw new SanaException("The queue is none of sqlite, azurite[:queue] and a storage connection string with account and key.");
        }
    }

    private static (string Connection, string Name) Split(string text)
    {
        try
        {
            var parts = new DbConnectionStringBuilder { ConnectionString = text };
            var name = parts.TryGetValue("Queue", out var given) ? (string)given : DefaultQueue;
            return (string.Join(';', text.Split(';').Where(part => !part.TrimStart().StartsWith("Queue=", StringComparison.OrdinalIgnoreCase))), name);
        }
        catch (ArgumentException)
        {
            throw new SanaException("The queue is none of sqlite, azurite[:queue] and a storage connection string.");
        }
    }

    [GeneratedRegex(@"^(?=.{3,56}\z)[a-z0-9]+(-[a-z0-9]+)*\z", RegexOptions.CultureInvariant)]
    private static partial Regex QueueName();
}
