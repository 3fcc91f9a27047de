using System.Net.Http.Headers;
using System.Text.Json;
using Azure.Core;
using Sana.Jobs.Queue;

namespace Sana.Functions.Queue;

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
