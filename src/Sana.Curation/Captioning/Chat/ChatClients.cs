using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Chat;
using Sana.Curation.Captioning.Config;

namespace Sana.Curation.Captioning.Chat;

/// <summary>
/// The chat client for an endpoint and the connections under it, which the client does not close, with nothing of its own in the way: no retries, no timeout,
/// no logs. Polly has all of that.
/// </summary>
internal static class ChatClients
{
    public static (IChatClient Client, IDisposable Connections) Create(ChatTarget target, string? key, TimeProvider time)
    {
        // A redirect would carry the key to wherever it points.
        var sockets = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = TimeSpan.FromSeconds(15),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5), // so that a name that moves is followed
        };
        var http = new HttpClient(new EndpointDoor(key, target.Auth, target.ApiVersion, time, sockets)) { Timeout = Timeout.InfiniteTimeSpan };
        var options = new OpenAIClientOptions
        {
            Endpoint = target.Endpoint,
            Transport = new HttpClientPipelineTransport(http),
            RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
            NetworkTimeout = Timeout.InfiniteTimeSpan,
            EnableDistributedTracing = false,
        };
        return (new ChatClient(target.Model, new ApiKeyCredential("none"), options).AsIChatClient(), http);
    }
}
