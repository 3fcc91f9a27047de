using System.Net;

namespace Sana.Curation.Captioning.Chat;

/// <summary>
/// What stands between the client library and an endpoint: lets the key in, lets no answer through that is too big, is no chat answer or is a failure (these
/// leave as
/// <see cref="EndpointFault"/>), and mends what servers do to answers that the library refuses to read.
/// </summary>
internal sealed class EndpointDoor(string? key, string auth, string? apiVersion, TimeProvider time, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    /// <summary>A long caption is 10 kB; nothing that a captioner has to say is bigger than this.</summary>
    internal const int MostBytes = 2_000_000;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Prepare(request);
        try
        {
            var response = await base.SendAsync(request, cancellationToken);
            var body = await ReadBody(response, cancellationToken);
            if (!response.IsSuccessStatusCode)
                throw Failure(response, body);
            response.Content = new ByteArrayContent(AnswerMend.Read(body)) { Headers = { { "Content-Type", "application/json" } } };
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

    private static async Task<byte[]> ReadBody(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            using var content = await response.Content.ReadAsStreamAsync(cancellationToken);
            using var body = new MemoryStream();
            var buffer = new byte[16_384];
            while (await content.ReadAsync(buffer, cancellationToken) is > 0 and var read)
            {
                if (body.Length + read > MostBytes)
                    throw EndpointFault.BadAnswer($"The answer has more than {MostBytes} bytes.", retryable: false);
                body.Write(buffer, 0, read);
            }

            return body.ToArray();
        }
        catch (Exception error) when (error is IOException or HttpRequestException)
        {
            throw EndpointFault.BadAnswer("The answer broke off before its end.");
        }
    }

    private EndpointFault Failure(HttpResponseMessage response, byte[] body)
    {
        var status = response.StatusCode;
        var said = EndpointMessage.Of(body, key);
        var sentence = $"The endpoint answered {(int)status} {status}{(said.Length > 0 ? $": {said}" : "")}";
        return status is HttpStatusCode.RequestTimeout or HttpStatusCode.Conflict or (HttpStatusCode)425 or HttpStatusCode.TooManyRequests || (int)status >= 500
            ? new EndpointFault(Reasons.CaptionerUnavailable, sentence, retryable: true, RetryAfter(response))
            : new EndpointFault(Reasons.CaptionerRefused, sentence, retryable: false);
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
