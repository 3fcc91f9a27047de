using System.Net;
using System.Net.Http.Headers;
using Polly;
using Polly.Retry;
using Sana.Storage.Net;

namespace Sana.Curation.Sources;

/// <summary>Downloads images by URL, under the rules of <see cref="GuardedHttp"/> and the owners' <c>X-Robots-Tag</c>. Every failure is a reason.</summary>
public sealed class GuardedDownload
{
    private readonly GuardedHttp _http;
    private readonly DownloadOptions _options;
    private readonly TimeProvider _clock;
    private readonly ResiliencePipeline _again;

    /// <summary>Downloads through a client, which stays the caller's.</summary>
    /// <param name="http">The client.</param>
    /// <param name="options">Limits.</param>
    /// <param name="clock">Of the pauses before another try. Default the system's.</param>
    /// <exception cref="SanaException">An option is outside its range.</exception>
    public GuardedDownload(GuardedHttp http, DownloadOptions options, TimeProvider? clock = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        (_http, _options, _clock) = (http, options, clock ?? TimeProvider.System);
        _again = Again();
    }

    /// <summary>Reads the content of a URL. What goes wrong is a reason in the answer, never an exception.</summary>
    /// <param name="url">As the manifest gives it.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    public async Task<Downloaded> Get(string url, CancellationToken cancellationToken)
    {
        try
        {
            return new Downloaded(await _again.ExecuteAsync(async token => await _http.Get(url, _options.MaxBytes, _options.Deadline, token, Look), cancellationToken));
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

    // A server that is busy is asked again after the time that it gives; where that is longer than a request may take, a later run has to.
    private ResiliencePipeline Again() => _options.Attempts == 1 ? ResiliencePipeline.Empty : new ResiliencePipelineBuilder { TimeProvider = _clock }.AddRetry(new RetryStrategyOptions
    {
        MaxRetryAttempts = _options.Attempts - 1,
        Delay = TimeSpan.FromSeconds(1),
        BackoffType = DelayBackoffType.Exponential,
        UseJitter = true,
        ShouldHandle = retry => ValueTask.FromResult(
            retry.Outcome.Exception is HttpAnswerException { StatusCode: HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable } busy
            && (Wait(busy) ?? TimeSpan.Zero) <= _options.Deadline),
        DelayGenerator = retry => ValueTask.FromResult(retry.Outcome.Exception is HttpAnswerException busy ? Wait(busy) : null),
    }).Build();

    private TimeSpan? Wait(HttpAnswerException busy)
    {
        var wait = busy.RetryAfter?.Delta ?? (busy.RetryAfter?.Date - _clock.GetUtcNow());
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
    }

    private void Look(HttpResponseHeaders headers)
    {
        if (!_options.IgnoreOptOut && headers.TryGetValues("X-Robots-Tag", out var lines) && RobotsTag.Refuses(lines))
            throw new OptOutException();
    }

    private static Downloaded Not(string reason, string message) => new(null, reason, message);

    private sealed class OptOutException : Exception;
}

/// <summary>Limits for images that a manifest names by URL.</summary>
public sealed record DownloadOptions
{
    /// <value>For everything of one try from the name's look-up to the last byte, and for a pause that a busy server asks for: 1 ms…1 hour. Default 30 s.</value>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <value>How often a URL is asked in all while its server answers 429 or 503: 1…10. Default 4.</value>
    public int Attempts { get; init; } = 4;

    /// <value>Longest content, in bytes: 1…1 GiB. Default 64 MiB.</value>
    public int MaxBytes { get; init; } = 64 * 1024 * 1024;

    /// <value>Whether images are taken although their owner's <c>X-Robots-Tag</c> says noai, noimageai, noindex, noimageindex or none. Default false.</value>
    public bool IgnoreOptOut { get; init; }

    /// <exception cref="SanaException">A value is outside its range.</exception>
    internal void Check()
    {
        if (Deadline < TimeSpan.FromMilliseconds(1) || Deadline > TimeSpan.FromHours(1))
            throw new SanaException($"A deadline of {Deadline.TotalSeconds} s for a download is outside 0.001…3,600; use 30.");
        if (Attempts is < 1 or > 10)
            throw new SanaException($"{Attempts} tries of a download are outside 1…10; use 4.");
        if (MaxBytes is < 1 or > 1 << 30)
            throw new SanaException($"A limit of {MaxBytes} bytes for a download is outside 1…{1 << 30}; use {64 << 20}.");
    }
}

/// <summary>What a download came to: bytes, or a reason of <see cref="Reasons"/> with a sentence.</summary>
/// <param name="Bytes">The content; null when there is a reason.</param>
/// <param name="Reason">blocked_address, download_timeout, download_failed, not_found, too_many_bytes or opt_out.</param>
/// <param name="Message">For people; never what a name resolved to.</param>
public sealed record Downloaded(byte[]? Bytes, string? Reason = null, string? Message = null);

/// <summary>What the owner of an image says in <c>X-Robots-Tag</c>: directives with commas between, after a name and a colon for one reader alone.</summary>
internal static class RobotsTag
{
    /// <summary>The name we answer to; the first word of our User-Agent.</summary>
    public const string Reader = "sana";

    private static readonly HashSet<string> _refusals = new(StringComparer.OrdinalIgnoreCase) { "noai", "noimageai", "noindex", "noimageindex", "none" };

    // Directives that have a value of their own after a colon.
    private static readonly HashSet<string> _valued = new(StringComparer.OrdinalIgnoreCase) { "unavailable_after", "max-snippet", "max-image-preview", "max-video-preview" };

    /// <summary>Whether any of the header's lines refuses this reader.</summary>
    public static bool Refuses(IEnumerable<string> lines) => lines.Any(Refuses);

    private static bool Refuses(string line)
    {
        var isOurs = true;
        foreach (var part in line.Split(','))
        {
            var directive = part.Trim();
            var colon = directive.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0 && !_valued.Contains(directive[..colon].TrimEnd()))
            {
                isOurs = directive[..colon].Trim() is var reader && (reader == "*" || reader.Equals(Reader, StringComparison.OrdinalIgnoreCase));
                directive = directive[(colon + 1)..].Trim();
            }

            if (isOurs && _refusals.Contains(directive))
                return true;
        }

        return false;
    }
}
