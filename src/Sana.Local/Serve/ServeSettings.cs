using System.Net;
using Sana.Jobs.Http;

namespace Sana.Local.Serve;

/// <summary>Where the API listens and who may talk to it.</summary>
internal sealed record ServeSettings(IReadOnlyList<Uri> Urls, ApiKeys Keys, IReadOnlyList<string> Hosts)
{
    private static readonly string[] LoopbackNames = ["localhost", "127.0.0.1", "[::1]"];

    /// <summary>Names under which a request may ask for this server: a page that points its own name at this machine gets nothing.</summary>
    public IReadOnlyList<string> AllowedHosts => Hosts.Count > 0 ? [.. Hosts, .. LoopbackNames] : Urls.All(IsLoopback) ? LoopbackNames : ["*"];

    /// <exception cref="SanaException">An address cannot be listened on, or is open to others without a key.</exception>
    public static ServeSettings Create(string urls, ApiKeys keys, IReadOnlyList<string> hosts)
    {
        var list = urls.Split([';', ','], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(Parse).ToList();
        if (list.Count == 0)
            throw new SanaException("There is no address to listen on; use http://127.0.0.1:8080.");
        if (keys.IsOpen && list.Find(url => !IsLoopback(url)) is { } open)
            throw new SanaException($"{open.Scheme}://{open.Authority} can be reached from other machines: give a key with SANA_API_KEY or --api-key, or listen on 127.0.0.1.");
        return new ServeSettings(list, keys, hosts);
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
