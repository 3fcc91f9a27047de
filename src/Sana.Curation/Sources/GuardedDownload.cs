using System.Net;
using System.Net.Http.Headers;
using Sana.Storage.Net;

namespace Sana.Curation.Sources;

/// <summary>Images by URL, under the rules of <see cref="GuardedHttp"/> and what their owners say. Whatever goes wrong is a reason.</summary>
public sealed class GuardedDownload : IDownload
{
    private readonly GuardedHttp _http;
    private readonly DownloadOptions _options;

    /// <summary>Downloads through a client, which stays the caller's.</summary>
    /// <exception cref="SanaException">An option is outside its range.</exception>
    public GuardedDownload(GuardedHttp http, DownloadOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        (_http, _options) = (http, options);
    }

    /// <inheritdoc/>
    public async Task<Downloaded> Get(string url, CancellationToken cancellationToken)
    {
        try
        {
            return new Downloaded(await _http.Get(url, _options.MaxBytes, _options.Deadline, Look, cancellationToken));
        }
        catch (OptOutException)
        {
            return Not(Reasons.OptOut, "The owner's X-Robots-Tag refuses.");
        }
        catch (BlockedAddressException error)
        {
            return Not(Reasons.BlockedAddress, error.Message);
        }
        catch (TimeoutException error)
        {
            return Not(Reasons.DownloadTimeout, error.Message);
        }
        catch (HttpRequestException error)
        {
            return error.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Gone ? Not(Reasons.NotFound, $"The URL answers {(int)error.StatusCode}.")
                : error.StatusCode is { } status ? Not(Reasons.DownloadFailed, $"The URL answers {(int)status}.")
                : error.HttpRequestError == HttpRequestError.ConfigurationLimitExceeded ? Not(Reasons.TooManyBytes, error.Message)
                : Not(Reasons.DownloadFailed, $"The URL cannot be read ({error.HttpRequestError}).");
        }
        catch (Exception error) when (error is IOException or InvalidOperationException or ArgumentException or FormatException or NotSupportedException)
        {
            // A connection cut within the content, or a host that no name can be made of.
            return Not(Reasons.DownloadFailed, $"The URL cannot be read ({error.GetType().Name}).");
        }
    }

    private void Look(HttpResponseHeaders headers)
    {
        if (!_options.IgnoreOptOut && headers.TryGetValues("X-Robots-Tag", out var lines) && RobotsTag.Refuses(lines))
            throw new OptOutException();
    }

    private static Downloaded Not(string reason, string message) => new(null, reason, message);

    private sealed class OptOutException : Exception;
}
