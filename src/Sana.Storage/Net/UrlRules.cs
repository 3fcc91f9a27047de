using System.Net;

namespace Sana.Storage.Net;

/// <summary>Which URLs may be given from outside. What is not public is reached only when whoever runs the program names it here.</summary>
public sealed record UrlRules
{
    /// <value>Ports that may be asked for. Default 80 and 443.</value>
    public IReadOnlyList<int> Ports { get; init; } = [80, 443];

    /// <value>Networks that may be reached although they are not public, such as <c>10.1.0.0/16</c>. Default none.</value>
    public IReadOnlyList<IPNetwork> Networks { get; init; } = [];

    /// <summary>What can be said of a URL before anything is resolved. The address itself is checked again when it is connected.</summary>
    /// <exception cref="BlockedAddressException">It may not be used; the message says why.</exception>
    public Uri Check(string text)
    {
        // Browsers drop controls and blanks inside a URL; two readers of one URL must not see two hosts.
        if (text.Length is 0 or > 2048 || text.AsSpan().ContainsAnyInRange('\0', ' ') || text.Contains('\\', StringComparison.Ordinal)
            || !Uri.TryCreate(text, UriKind.Absolute, out var url))
            throw new BlockedAddressException("The URL is not an absolute http or https address of at most 2048 characters.");
        return Check(url);
    }

    /// <inheritdoc cref="Check(string)" />
    public Uri Check(Uri url)
    {
        if (url.Scheme is not ("http" or "https"))
            throw new BlockedAddressException("The URL has another scheme than http and https.");
        if (url.UserInfo.Length > 0)
            throw new BlockedAddressException("The URL carries credentials; leave them out.");
        if (!Ports.Contains(url.Port))
            throw new BlockedAddressException($"Port {url.Port} of the URL is not one of {string.Join(", ", Ports)}.");

        var host = url.IdnHost.TrimEnd('.').ToLowerInvariant();
        if (IPAddress.TryParse(host.Trim('[', ']'), out var address))
        {
            if (!Allows(address))
                throw new BlockedAddressException("The URL leads to an address that is not public.");
        }
        else if (IsLocalName(host) && Networks.Count == 0)
        {
            throw new BlockedAddressException("The URL names a host of a private network.");
        }

        return url;
    }

    /// <summary>Whether a connection to this address may be opened.</summary>
    public bool Allows(IPAddress address) => AddressRule.IsPublic(address) || Networks.Any(network => network.Contains(AddressRule.Unwrap(address)));

    private static bool IsLocalName(string host) =>
        !host.Contains('.', StringComparison.Ordinal)
        || host.EndsWith(".internal", StringComparison.Ordinal)
        || host.EndsWith(".localhost", StringComparison.Ordinal)
        || host.EndsWith(".local", StringComparison.Ordinal);
}
