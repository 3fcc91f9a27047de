using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Sana.Storage.Hub;

/// <summary>
/// The Hub's protocol. Redirects are followed by hand: the token goes to the endpoint's own origin and nowhere else, because files are served by other hosts
/// under addresses that are signed.
/// </summary>
internal sealed partial class HubClient : IDisposable
{
    private const int MaxRedirects = 10;
    private const int MaxListing = 64 * 1024 * 1024;

    private readonly HubSettings _settings;
    private readonly HttpClient _http;

    public HubClient(HubSettings settings)
    {
        _settings = settings;
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(15),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        })
        { Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.UserAgent.ParseAdd("sana");
        _http.DefaultRequestHeaders.AcceptEncoding.ParseAdd("identity");
    }

    /// <summary>The commit of a revision and the names of its files.</summary>
    /// <exception cref="UnusableJobException">There is no such repository or revision, or it may not be read.</exception>
    /// <exception cref="HubBusyException">It may work later.</exception>
    public async Task<HubListing> List(HubId id, CancellationToken cancellationToken)
    {
        using var limit = Limit(cancellationToken);
        using var response = await Send(HttpMethod.Get, Address($"{id.Api}/revision/{Uri.EscapeDataString(id.Revision)}"), 0, stopsForFacts: false, limit, cancellationToken);
        Refuse(response, id, path: null);
        return await Listing(response, id, limit, cancellationToken);
    }

    private Task<HubListing> Listing(HttpResponseMessage response, HubId id, CancellationTokenSource limit, CancellationToken cancellationToken) => Json(response, id, root =>
    {
        var commit = root.GetProperty("sha").GetString()!;
        var names = root.GetProperty("siblings").EnumerateArray().Select(file => file.GetProperty("rfilename").GetString()!).ToArray();
        var isPrivate = root.TryGetProperty("private", out var said) && said.ValueKind is JsonValueKind.True or JsonValueKind.False ? said.GetBoolean() : (bool?)null;
        return HubId.IsHash(commit) ? new HubListing(commit, names) { IsPrivate = isPrivate } : throw new FormatException();
    }, limit, cancellationToken);

    /// <summary>Files of a commit with their lengths, a page of them, and the address of the next page.</summary>
    /// <inheritdoc cref="List" path="/exception" />
    public async Task<(IReadOnlyList<HubFile> Files, Uri? Next)> Tree(HubId id, string commit, Uri? page, CancellationToken cancellationToken)
    {
        using var limit = Limit(cancellationToken);
        using var response = await Send(HttpMethod.Get, page ?? Address($"{id.Api}/tree/{commit}?recursive=true"), 0, stopsForFacts: false, limit, cancellationToken);
        Refuse(response, id, path: null);
        var files = await Json(response, id, root => root.EnumerateArray().Where(entry => entry.GetProperty("type").GetString() == "file").Select(entry => new HubFile(
            entry.GetProperty("path").GetString()!,
            (entry.TryGetProperty("lfs", out var lfs) && lfs.ValueKind == JsonValueKind.Object ? lfs : entry).GetProperty("oid").GetString()!,
            entry.GetProperty("size").GetInt64())).ToArray(), limit, cancellationToken);
        var next = First(response, "Link") is { } link && NextPage().Match(link) is { Success: true } match ? new Uri(_settings.Endpoint, match.Groups[1].Value) : null;
        return (files, next);
    }

    private async Task<T> Json<T>(HttpResponseMessage response, HubId id, Func<JsonElement, T> read, CancellationTokenSource limit, CancellationToken cancellationToken)
    {
        try
        {
            await response.Content.LoadIntoBufferAsync(MaxListing, limit.Token);
            using var json = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(limit.Token));
            return read(json.RootElement);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or NullReferenceException)
        {
            throw new SanaException($"{_settings.Endpoint} did not answer as the Hub does when it was asked for {id}; set HF_ENDPOINT to an address that does.", error);
        }
        catch (Exception error) when (Busy(error, cancellationToken) is { } busy)
        {
            throw busy;
        }
    }

    /// <summary>Hash and length of a file, of which nothing is read.</summary>
    /// <inheritdoc cref="List" path="/exception" />
    public async Task<HubFile> Head(HubId id, string commit, string path, CancellationToken cancellationToken)
    {
        using var limit = Limit(cancellationToken);
        using var response = await Send(HttpMethod.Head, Address(id, commit, path), 0, stopsForFacts: true, limit, cancellationToken);
        if (!IsRedirect(response))
            Refuse(response, id, path);
        var tag = (First(response, "X-Linked-Etag") ?? First(response, "ETag") ?? "").Replace("W/", "", StringComparison.Ordinal).Trim('"');
        var length = First(response, "X-Linked-Size") is { } linked ? linked : IsRedirect(response) ? null : response.Content.Headers.ContentLength?.ToString(CultureInfo.InvariantCulture);
        if (!Tag().IsMatch(tag))
        {
            throw new SanaException(
                $"{_settings.Endpoint} says neither the SHA-256 nor the git hash of {path} of {id}, so its bytes could not be checked; set HF_ENDPOINT to an address that answers as the Hub does.");
        }

        return new HubFile(path, tag, long.TryParse(length, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes)
            ? bytes
            : throw new SanaException($"{_settings.Endpoint} does not say how long {path} of {id} is; set HF_ENDPOINT to an address that answers as the Hub does."));
    }

    /// <summary>Opens a file at an offset. The answer may be the whole file (200), the rest (206), or 416 where there is no such offset.</summary>
    /// <inheritdoc cref="List" path="/exception" />
    public async Task<HttpResponseMessage> Open(HubId id, string commit, string path, long from, CancellationToken cancellationToken)
    {
        using var limit = Limit(cancellationToken);
        var response = await Send(HttpMethod.Get, Address(id, commit, path), from, stopsForFacts: false, limit, cancellationToken);
        try
        {
            if (response.StatusCode != HttpStatusCode.RequestedRangeNotSatisfiable)
                Refuse(response, id, path);
            return response;
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    /// <summary>What a failed exchange is: later may be better, or null when it was told to stop or is something else.</summary>
    public HubBusyException? Busy(Exception error, CancellationToken cancellationToken) => error switch
    {
        _ when cancellationToken.IsCancellationRequested => null,
        OperationCanceledException => new HubBusyException($"it was silent for {_settings.Patience.TotalSeconds:0} seconds", wait: null, error),
        HttpRequestException or IOException => new HubBusyException((error.InnerException is IOException or System.Net.Sockets.SocketException ? error.InnerException : error).Message.TrimEnd('.'), wait: null, error),
        _ => null,
    };

    /// <summary>Closes its connections.</summary>
    public void Dispose() => _http.Dispose();

    private Uri Address(string path) => new(_settings.Endpoint, path);

    private Uri Address(HubId id, string commit, string path) => Address($"{id.Path}/resolve/{commit}/{string.Join('/', path.Split('/').Select(Uri.EscapeDataString))}");

    private CancellationTokenSource Limit(CancellationToken cancellationToken)
    {
        var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(_settings.Patience);
        return limit;
    }

    // A HEAD ends at the answer that carries the hash: where that redirects, the next host knows nothing of it.
    private async Task<HttpResponseMessage> Send(
        HttpMethod method, Uri url, long from, bool stopsForFacts, CancellationTokenSource limit, CancellationToken cancellationToken,
        Func<HttpContent>? body = null, Action<HttpRequestMessage>? prepare = null)
    {
        var first = url;
        for (var hop = 0; hop <= MaxRedirects; hop++)
        {
            using var request = new HttpRequestMessage(method, url);
            if (_settings.Token is { } token && IsEndpoint(url))
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            if (from > 0)
                request.Headers.Range = new RangeHeaderValue(from, null);
            request.Content = body?.Invoke();
            // What is meant for one host is not told to the next.
            if (url.Authority == first.Authority)
                prepare?.Invoke(request);
            HttpResponseMessage response;
            try
            {
                response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            }
            catch (Exception error) when (Busy(error, cancellationToken) is { } busy)
            {
                throw busy;
            }

            if (!IsRedirect(response) || response.Headers.Location is not { } location)
                return response;
            var next = new Uri(url, location);
            if (stopsForFacts && (!IsEndpoint(next) || response.Headers.Contains("X-Linked-Etag")))
                return response;
            response.Dispose();
            if (next.Scheme != "https" && (next.Scheme != "http" || url.Scheme == "https"))
                throw new SanaException($"{url.Host} redirects to an address of the scheme {next.Scheme}, which is not followed; set HF_ENDPOINT to another address.");
            url = next;
        }

        throw new SanaException($"{_settings.Endpoint} redirects more than {MaxRedirects} times; set HF_ENDPOINT to another address.");
    }

    private bool IsEndpoint(Uri url) => (url.Scheme, url.IdnHost, url.Port) == (_settings.Endpoint.Scheme, _settings.Endpoint.IdnHost, _settings.Endpoint.Port);

    private static bool IsRedirect(HttpResponseMessage response) => (int)response.StatusCode is 301 or 302 or 303 or 307 or 308;

    private static string? First(HttpResponseMessage response, string name) => response.Headers.TryGetValues(name, out var values) ? values.FirstOrDefault() : null;

    private void Refuse(HttpResponseMessage response, HubId id, string? path)
    {
        var status = (int)response.StatusCode;
        if (status is >= 200 and < 300)
            return;
        var isEndpoint = IsEndpoint(response.RequestMessage!.RequestUri!);
        // Another host refuses an address whose signature has run out: the endpoint gives a new one.
        if (status is 408 or 425 or 429 or >= 500 || !isEndpoint)
            throw new HubBusyException($"{(isEndpoint ? "it" : response.RequestMessage.RequestUri!.Host)} answered {status}", Wait(response), null);
        throw new UnusableJobException(HubRefusal.Sentence(_settings, id, path, status, First(response, "X-Error-Code"), First(response, "X-Error-Message")));
    }

    private static TimeSpan? Wait(HttpResponseMessage response) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - (response.Headers.Date ?? DateTimeOffset.UtcNow),
        _ => null,
    };

    [GeneratedRegex(@"<([^<>]+)>;\s*rel=""next""")]
    private static partial Regex NextPage();

    [GeneratedRegex(@"^([0-9a-f]{40}|[0-9a-f]{64})\z", RegexOptions.CultureInvariant)]
    private static partial Regex Tag();
}

/// <summary>A revision as the Hub lists it.</summary>
/// <param name="Commit">Hash of the commit, 40 digits.</param>
/// <param name="Names">Of all files, with slashes.</param>
internal sealed record HubListing(string Commit, IReadOnlyList<string> Names)
{
    /// <value>Whether only some see it; null where that is not said.</value>
    public bool? IsPrivate { get; init; }
}

/// <summary>A file of a commit.</summary>
/// <param name="Path">In the repository, with slashes.</param>
/// <param name="Hash">SHA-256 (64 digits) of a file in Git LFS, else the SHA-1 of git (40 digits). It names the file in the cache.</param>
/// <param name="Length">In bytes.</param>
internal sealed record HubFile(string Path, string Hash, long Length);

/// <summary>The Hub or the network failed in a way that may pass.</summary>
/// <param name="message">A part of a sentence: what was seen.</param>
/// <param name="wait">What the server said of when to ask again; null when it said nothing.</param>
/// <param name="inner">What caused it.</param>
internal sealed class HubBusyException(string message, TimeSpan? wait, Exception? inner) : Exception(message, inner)
{
    public TimeSpan? Wait => wait;
}
