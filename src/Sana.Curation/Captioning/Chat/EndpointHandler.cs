using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Chat;
using Sana.Curation.Captioning.Config;

namespace Sana.Curation.Captioning.Chat;

/// <summary>
/// Stands between the client library and an endpoint: adds the key, turns failures, answers that are too big and answers that are no chat answers into an <see
/// cref="EndpointFault"/>, and normalizes answers that the library cannot read.
/// </summary>
internal sealed class EndpointHandler(string? key, string auth, string? apiVersion, TimeProvider time, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Prepare(request);
        try
        {
            var response = await base.SendAsync(request, cancellationToken);
            var body = await AnswerBody.Read(response.Content, cancellationToken);
            if (!response.IsSuccessStatusCode)
                throw EndpointFailure.Of(response.StatusCode, body, key, RetryAfter(response));
            response.Content = new ByteArrayContent(ChatAnswer.Normalize(body, key)) { Headers = { { "Content-Type", "application/json" } } };
            return response;
        }
        catch (HttpRequestException error)
        {
            var sentence = $"The endpoint {request.RequestUri!.Authority} cannot be reached: {EndpointMessage.Plain(error.Message, key)}";
            throw new EndpointFault(Reasons.CaptionerUnavailable, sentence, retryable: true);
        }
    }

    private void Prepare(HttpRequestMessage request)
    {
        // The library insists on a key of its own; what the endpoint sees is decided here.
        request.Headers.Remove("Authorization");
        if (key is not null)
            request.Headers.TryAddWithoutValidation(auth == "bearer" ? "Authorization" : auth, auth == "bearer" ? $"Bearer {key}" : key);
        if (apiVersion is not null)
            request.RequestUri = new UriBuilder(request.RequestUri!) { Query = $"api-version={Uri.EscapeDataString(apiVersion)}" }.Uri;
    }

    private TimeSpan? RetryAfter(HttpResponseMessage response)
    {
        if (response.Headers.TryGetValues("retry-after-ms", out var values) && int.TryParse(values.First(), out var milliseconds) && milliseconds >= 0)
            return TimeSpan.FromMilliseconds(milliseconds);
        var after = response.Headers.RetryAfter;
        var wait = after?.Delta ?? (after?.Date - time.GetUtcNow());
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
    }
}

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
        var http = new HttpClient(new EndpointHandler(key, target.Auth, target.ApiVersion, time, sockets)) { Timeout = Timeout.InfiniteTimeSpan };
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

/// <summary>A failed request to an endpoint. It is an exception because it passes through the client library; it never leaves the captioner.</summary>
internal sealed class EndpointFault(string reason, string message, bool retryable, TimeSpan? retryAfter = null) : Exception(message)
{
    /// <summary>captioner_unavailable, captioner_timeout, captioner_refused, caption_refusal or bad_answer.</summary>
    public string Reason => reason;

    /// <summary>Whether the same request may fare better later.</summary>
    public bool Retryable => retryable;

    /// <summary>When the endpoint wants it again.</summary>
    public TimeSpan? RetryAfter => retryAfter;

    /// <summary>Whether every other image would fare the same: the key, the account, the model, the address. Default false.</summary>
    public bool IsPermanent { get; init; }

    public static EndpointFault BadAnswer(string message, bool retryable = true) => new(Reasons.BadAnswer, message, retryable);
}
