using System.Globalization;

namespace Sana.Jobs.Http;

/// <summary>What request headers ask for.</summary>
internal static class RequestHeaders
{
    /// <summary>The longest that <c>Prefer: wait</c> holds a connection; hosts in front of this one give up after 230 seconds.</summary>
    public const int MaxWaitSeconds = 120;

    /// <summary>RFC 7240: how long the client would wait for the end, zero when it says nothing of it. <c>respond-async, wait=10</c> waits 10 seconds and is then answered 202.</summary>
    public static TimeSpan Wait(string? prefer)
    {
        foreach (var preference in (prefer ?? "").Split([',', ';'], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (preference.StartsWith("wait=", StringComparison.OrdinalIgnoreCase)
                && int.TryParse(preference["wait=".Length..].Trim('"'), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
                return TimeSpan.FromSeconds(Math.Min(seconds, MaxWaitSeconds));
        }

        return TimeSpan.Zero;
    }

    /// <summary>The key of an <c>Idempotency-Key</c> header, which is a quoted string by the draft and a bare one in practice; null for none.</summary>
    /// <exception cref="ApiException">It is longer than 255 characters or not visible ASCII.</exception>
    public static string? IdempotencyKey(string? header)
    {
        if (header is null)
            return null;
        var key = header.Length >= 2 && header[0] == '"' && header[^1] == '"' ? header[1..^1] : header;
        return key.Length is > 0 and <= 255 && !key.AsSpan().ContainsAnyExceptInRange(' ', '~')
            ? key
            : throw ApiException.BadRequest("Idempotency-Key", "The Idempotency-Key takes 1…255 visible ASCII characters.");
    }

    /// <summary>Which repeat of a request this is, by the header of OpenAI's clients: 0 the first; null for clients that do not count.</summary>
    public static int? RetryCount(string? header) => int.TryParse(header, NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : null;
}
