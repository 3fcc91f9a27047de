using System.Net;
using Sana.Jobs.Http;
using Sana.Local.Hosting;

namespace Sana.Local.Serve;

/// <summary>Where the API listens, how the outside calls it, and who may talk to it.</summary>
internal sealed record ServeSettings(IReadOnlyList<Uri> Urls, ApiKeys Keys, IReadOnlyList<string> Hosts)
{
    private static readonly string[] LoopbackNames = ["localhost", "127.0.0.1", "[::1]"];

    /// <value>The address of the outside. Default: as each request came.</value>
    public PublicAddress? PublicUrl { get; init; }

    /// <value>Proxies whose forwarded headers are believed. Default none.</value>
    public IReadOnlyList<IPNetwork> TrustedProxies { get; init; } = [];

    /// <value>They send <c>Forwarded</c> and not <c>X-Forwarded-*</c>. Default false.</value>
    public bool ReadsForwarded { get; init; }

    /// <value>Origins of other web apps whose scripts may use the API. Default none.</value>
    public IReadOnlyList<string> CorsOrigins { get; init; } = [];

    /// <summary>Names under which a request may ask for this server: a page that points its own name at this machine gets nothing.</summary>
    public IReadOnlyList<string> AllowedHosts => Hosts.Count == 0 && !Urls.All(IsLoopback) ? ["*"] : [.. Hosts, .. LoopbackNames, .. PublicUrl is null ? Array.Empty<string>() : [PublicUrl.Url.Host]];

    /// <exception cref="SanaException">An address cannot be listened on, is open to others without a key, or is none.</exception>
    public static ServeSettings Create(string urls, ApiKeys keys, ServerFile config, string? publicUrl)
    {
        var list = urls.Split([';', ','], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(Parse).ToList();
        if (list.Count == 0)
            throw new SanaException("There is no address to listen on; use http://127.0.0.1:8080.");
        if (keys.IsOpen && list.Find(url => !IsLoopback(url)) is { } open)
            throw new SanaException($"{open.Scheme}://{open.Authority} can be reached from other machines: give a key with SANA_API_KEY or --api-key, or listen on 127.0.0.1.");
        var (address, proxies) = (PublicAddress.Parse(publicUrl, "--public-url") ?? PublicAddress.Parse(config.PublicUrl, "public_url"), config.ProxyNetworks());
        if (address is not null && proxies.Count > 0)
            throw new SanaException("--public-url and trusted_proxies of sana.json both say how the outside calls this server; keep one of them.");
        if (keys.IsOpen && (proxies.Count > 0 || (address is not null && !IsLoopback(address.Url))))
            throw new SanaException($"{(address is null ? "The server behind trusted_proxies" : address.Url)} can be reached from other machines: give a key with SANA_API_KEY or --api-key; a proxy that knows its callers may add it.");
        return new ServeSettings(list, keys, config.Hosts) { PublicUrl = address, TrustedProxies = proxies, ReadsForwarded = config.ForwardedHeaders == "forwarded", CorsOrigins = config.Origins() };
    }

    /// <summary>Where people find the page, with a slash at its end: the public address, or the first that is listened on. Who listens on every address is reached as localhost too.</summary>
    public Uri ClientAddress(IReadOnlyList<Uri> listening)
    {
        if (PublicUrl is not null)
            return PublicUrl.Url;
        var first = listening[0];
        return IPAddress.TryParse(first.Host.Trim('[', ']'), out var address) && (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any)) ? new UriBuilder(first) { Host = "localhost" }.Uri : first;
    }

    private static Uri Parse(string text)
    {
        // Kestrel's own words for "every address".
        var spelled = text.Replace("://*", "://0.0.0.0", StringComparison.Ordinal).Replace("://+", "://0.0.0.0", StringComparison.Ordinal);
        return Uri.TryCreate(spelled, UriKind.Absolute, out var url) && url is { Scheme: "http", PathAndQuery: "/", UserInfo: "" }
            ? url
            : throw new SanaException($"'{text}' is not an address such as http://127.0.0.1:8080; for https put a proxy with the certificate before it.");
    }

    private static bool IsLoopback(Uri url) => url.Host == "localhost" || (IPAddress.TryParse(url.Host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
