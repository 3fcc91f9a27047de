using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;

namespace Sana.Storage.Net;

/// <summary>
/// The only way to read a URL that comes from outside. A name is resolved here, its addresses are checked, and one that was checked is the one that is
/// connected: a name that resolves to another address at a second look-up gains nothing. Redirects are followed hop by hop under the same check, proxies of the
/// environment are ignored, and one deadline and one byte limit hold for the whole exchange.
/// </summary>
public sealed class GuardedHttp : IDisposable
{
    private const int MaxRedirects = 5;

    private readonly UrlRules _rules;
    private readonly Func<string, CancellationToken, Task<IPAddress[]>> _resolve;
    private readonly Lazy<HttpClient> _client;

    /// <summary>A client under these rules.</summary>
    /// <param name="rules">What may be reached.</param>
    /// <param name="resolve">How names become addresses. Default the system's resolver.</param>
    public GuardedHttp(UrlRules rules, Func<string, CancellationToken, Task<IPAddress[]>>? resolve = null)
    {
        (_rules, _resolve) = (rules, resolve ?? Dns.GetHostAddressesAsync);
        _client = new Lazy<HttpClient>(Create);
    }

    /// <summary>Reads the content of a URL unless its headers forbid it.</summary>
    /// <param name="url">As it was given.</param>
    /// <param name="maxBytes">The longest content taken.</param>
    /// <param name="deadline">For everything: names, connections, redirects and the last byte.</param>
    /// <param name="cancellationToken">Stops earlier.</param>
    /// <param name="look">Sees the headers of the answer before its content is read; an exception from it ends the exchange.</param>
    /// <exception cref="BlockedAddressException">The URL, or one that it redirects to, may not be used.</exception>
    /// <exception cref="HttpAnswerException">The answer has another status than 200…299.</exception>
    /// <exception cref="HttpRequestException">It cannot be read, or is too long.</exception>
    /// <exception cref="TimeoutException">The deadline passed.</exception>
    public Task<byte[]> Get(string url, int maxBytes, TimeSpan deadline, CancellationToken cancellationToken, Action<HttpResponseHeaders>? look = null) => Within(deadline, async token =>
    {
        var next = _rules.Check(url);
        for (var hop = 0; hop <= MaxRedirects; hop++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, next);
            using var response = await Send(request, token);
            if ((int)response.StatusCode is 301 or 302 or 303 or 307 or 308 && response.Headers.Location is { } location)
            {
                next = _rules.Check(new Uri(next, location));
                continue;
            }

            if (!response.IsSuccessStatusCode)
                throw new HttpAnswerException(response.StatusCode, response.Headers.RetryAfter);
            look?.Invoke(response.Headers);
            return await ReadUpTo(maxBytes, response.Content, token);
        }

        throw new HttpRequestException($"The URL redirects more than {MaxRedirects} times.");
    }, cancellationToken);

    /// <summary>Sends a request once and gives the status of its answer, whose content is not read. Redirects are answers like others.</summary>
    /// <inheritdoc cref="Get" path="/exception" />
    public Task<HttpStatusCode> Post(string url, HttpContent content, IEnumerable<KeyValuePair<string, string>> headers, TimeSpan deadline, CancellationToken cancellationToken) =>
        Within(deadline, async token =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, _rules.Check(url)) { Content = content };
            foreach (var (name, value) in headers)
                request.Headers.Add(name, value);
            using var response = await Send(request, token);
            return response.StatusCode;
        }, cancellationToken);

    /// <summary>Closes its connections.</summary>
    public void Dispose()
    {
        if (_client.IsValueCreated)
            _client.Value.Dispose();
    }

    private HttpClient Create()
    {
        var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = Connect,
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            MaxResponseHeadersLength = 32,
            PooledConnectionLifetime = TimeSpan.FromMinutes(1),
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        client.DefaultRequestHeaders.UserAgent.ParseAdd("sana");
        return client;
    }

    private async Task<HttpResponseMessage> Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return await _client.Value.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        }
        catch (HttpRequestException error) when (error.InnerException is BlockedAddressException blocked)
        {
            throw blocked;
        }
    }

    private async ValueTask<Stream> Connect(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var (host, port) = (context.DnsEndPoint.Host, context.DnsEndPoint.Port);
        var found = IPAddress.TryParse(host, out var literal) ? [literal] : await _resolve(host, cancellationToken);
        var allowed = _rules.Check(found, port);

        SocketException? last = null;
        foreach (var address in allowed)
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, port), cancellationToken);
                _rules.Check([((IPEndPoint)socket.RemoteEndPoint!).Address], port);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException error)
            {
                socket.Dispose();
                last = error;
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }

        throw last!;
    }

    private static async Task<byte[]> ReadUpTo(int maxBytes, HttpContent content, CancellationToken cancellationToken)
    {
        if (content.Headers.ContentLength > maxBytes)
            throw new HttpRequestException(HttpRequestError.ConfigurationLimitExceeded, $"The URL has {content.Headers.ContentLength} bytes; at most {maxBytes} are taken.");
        await using var stream = await content.ReadAsStreamAsync(cancellationToken);
        using var kept = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (await stream.ReadAsync(buffer, cancellationToken) is > 0 and var read)
        {
            if (kept.Length + read > maxBytes)
                throw new HttpRequestException(HttpRequestError.ConfigurationLimitExceeded, $"The URL has more than {maxBytes} bytes.");
            kept.Write(buffer, 0, read);
        }

        return kept.ToArray();
    }

    private static async Task<T> Within<T>(TimeSpan deadline, Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(deadline);
        try
        {
            return await work(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"The URL did not answer within {deadline.TotalSeconds:0} s.");
        }
    }
}

/// <summary>A URL answers with a status that is no success.</summary>
/// <param name="status">The status.</param>
/// <param name="retryAfter">When the server wants to be asked again; null where it does not say.</param>
public sealed class HttpAnswerException(HttpStatusCode status, RetryConditionHeaderValue? retryAfter) : HttpRequestException($"The URL answers {(int)status}.", null, status)
{
    /// <summary>When the server wants to be asked again; null where it does not say.</summary>
    public RetryConditionHeaderValue? RetryAfter => retryAfter;
}
