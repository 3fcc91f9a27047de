using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.HttpOverrides;

namespace Sana.Local.Serve;

/// <summary>
/// Scheme, host and prefix of the outside as the nearest proxy tells them. Only proxies that are named are believed, and only the headers that they are said to send: a proxy hands on what a client
/// wrote into the others.
/// </summary>
internal static class TrustedProxies
{
    private static readonly string[] Headers = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix"];

    public static void UseTrustedProxies(this IApplicationBuilder app, ServeSettings settings)
    {
        if (settings.TrustedProxies.Count == 0)
            return;
        if (settings.ReadsForwarded)
            app.Use(next => context => next(Translated(context)));
        var options = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.All, ForwardLimit = 1 };
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var network in settings.TrustedProxies)
            options.KnownIPNetworks.Add(network);
        app.UseForwardedHeaders(options);
    }

    /// <summary>What the last element of <c>Forwarded</c> says, in the headers that the framework reads.</summary>
    private static HttpContext Translated(HttpContext context)
    {
        var headers = context.Request.Headers;
        foreach (var name in Headers)
            headers.Remove(name);
        foreach (var (name, value) in Last($"{headers["Forwarded"]}"))
        {
            if (name is "proto" or "host")
                headers[name == "proto" ? "X-Forwarded-Proto" : "X-Forwarded-Host"] = value;
        }

        return context;
    }

    /// <summary>RFC 7239: elements are parted by commas, their pairs by semicolons, and a quoted value may hold both.</summary>
    internal static IReadOnlyList<(string Name, string Value)> Last(string header)
    {
        List<(string, string)> pairs = [];
        var (start, isQuoted) = (0, false);
        for (var i = 0; i <= header.Length; i++)
        {
            if (i < header.Length && header[i] == '\\' && isQuoted)
            {
                i++;
                continue;
            }

            if (i < header.Length && header[i] == '"')
                isQuoted = !isQuoted;
            if (i < header.Length && (isQuoted || header[i] is not (',' or ';')))
                continue;
            if (header[start..Math.Min(i, header.Length)].Split('=', 2, StringSplitOptions.TrimEntries) is [var name, var value])
                pairs.Add((name.ToLowerInvariant(), value.Trim('"')));
            if (i < header.Length && header[i] == ',')
                pairs.Clear();
            start = i + 1;
        }

        return isQuoted ? [] : pairs;
    }
}
