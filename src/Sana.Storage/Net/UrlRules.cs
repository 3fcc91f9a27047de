using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Sana.Storage.Net;

/// <summary>Which URLs may be given from outside. What is not public is reached only when whoever runs the program names it here.</summary>
public sealed record UrlRules
{
    /// <value>Ports that may be asked for. Default 80 and 443.</value>
    public IReadOnlyList<int> Ports { get; init; } = [80, 443];

    /// <value>Networks that may be reached although they are not public, such as <c>10.1.0.0/16</c>. Default none.</value>
    public IReadOnlyList<IPNetwork> Networks { get; init; } = [];

    /// <value>Whether all ports of <see cref="Networks"/> may be asked for, beside <see cref="Ports"/> everywhere. Default false.</value>
    public bool AllPortsOfNetworks { get; init; }

    private string Fix => AllPortsOfNetworks ? " To reach it, name its network with --allow-network, or in curation.networks of sana.json." : "";

    /// <summary>Reads a network, such as <c>10.1.0.0/16</c>, or one address.</summary>
    public static bool TryNetwork(string text, out IPNetwork network)
    {
        if (!IPAddress.TryParse(text, out var address))
            return IPNetwork.TryParse(text, out network);
        network = new IPNetwork(address, address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128);
        return true;
    }

    /// <summary>What can be said of a URL before anything is resolved. The address itself is checked again when it is connected.</summary>
    /// <param name="text">The URL. Blanks behind its host, and what is not ASCII, are encoded as browsers do it.</param>
    /// <exception cref="BlockedAddressException">It may not be used; the message says why.</exception>
    public Uri Check(string text)
    {
        // Browsers drop controls inside a URL, and blanks inside a host; two readers of one URL must not see two hosts.
        if (text.Length is 0 or > 2048 || text.AsSpan().ContainsAnyInRange('\0', '\x1f') || text.Contains('\\', StringComparison.Ordinal)
            || Host(text).Contains(' ') || !Uri.TryCreate(text.Trim(' ').Replace(" ", "%20", StringComparison.Ordinal), UriKind.Absolute, out var url))
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
        // Of a name the port is looked at when its address is known.
        if (!Ports.Contains(url.Port) && !(AllPortsOfNetworks && Networks.Count > 0))
            throw WrongPort(url.Port);

        var host = url.IdnHost.TrimEnd('.').ToLowerInvariant();
        if (IPAddress.TryParse(host.Trim('[', ']'), out var address))
            Check([address], url.Port);
        else if (IsLocalName(host) && Networks.Count == 0)
            throw new BlockedAddressException("The URL names a host of a private network." + Fix);

        return url;
    }

    /// <summary>Those of the addresses to which a connection may be opened, one at least.</summary>
    /// <exception cref="BlockedAddressException">There is none; the message says why.</exception>
    public IPAddress[] Check(IPAddress[] addresses, int port)
    {
        var allowed = Array.FindAll(addresses, address => AddressRule.IsPublic(address) || IsNamed(address));
        if (allowed.Length == 0)
            throw new BlockedAddressException("The URL leads to an address that is not public." + Fix);
        allowed = Ports.Contains(port) ? allowed : Array.FindAll(allowed, address => AllPortsOfNetworks && IsNamed(address));
        return allowed.Length > 0 ? allowed : throw WrongPort(port);
    }

    private BlockedAddressException WrongPort(int port) => new($"Port {port} of the URL is not one of {string.Join(", ", Ports)}.{Fix}");

    private bool IsNamed(IPAddress address) => Networks.Any(network => network.Contains(AddressRule.Unwrap(address)));

    // All before the path, with the scheme.
    private static ReadOnlySpan<char> Host(string text)
    {
        var url = text.AsSpan().Trim(' ');
        var start = url.IndexOf("://", StringComparison.Ordinal) + 3;
        var end = start < 3 ? -1 : url[start..].IndexOfAny('/', '?', '#');
        return end < 0 ? url : url[..(start + end)];
    }

    private static bool IsLocalName(string host) =>
        !host.Contains('.', StringComparison.Ordinal)
        || host.EndsWith(".internal", StringComparison.Ordinal)
        || host.EndsWith(".localhost", StringComparison.Ordinal)
        || host.EndsWith(".local", StringComparison.Ordinal);
}

/// <summary>
/// Which addresses a URL from outside may lead to: global unicast only. An IPv4 address inside an IPv6 one (mapped, NAT64, 6to4) is judged as what it is. The
/// ranges are those of the IANA special-purpose registries; beside them stands Azure's platform address, which is public by class.
/// </summary>
internal static class AddressRule
{
    private static readonly IPNetwork[] Denied4 =
    [
        IPNetwork.Parse("0.0.0.0/8"), IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("100.64.0.0/10"), IPNetwork.Parse("127.0.0.0/8"),
        IPNetwork.Parse("169.254.0.0/16"), IPNetwork.Parse("172.16.0.0/12"), IPNetwork.Parse("192.0.0.0/24"), IPNetwork.Parse("192.0.2.0/24"),
        IPNetwork.Parse("192.88.99.0/24"), IPNetwork.Parse("192.168.0.0/16"), IPNetwork.Parse("198.18.0.0/15"), IPNetwork.Parse("198.51.100.0/24"),
        IPNetwork.Parse("203.0.113.0/24"), IPNetwork.Parse("224.0.0.0/3"), IPNetwork.Parse("168.63.129.16/32"),
    ];

    private static readonly IPNetwork Global6 = IPNetwork.Parse("2000::/3");

    // Protocol assignments (Teredo among them), documentation, and the second documentation block.
    private static readonly IPNetwork[] Denied6 = [IPNetwork.Parse("2001::/23"), IPNetwork.Parse("2001:db8::/32"), IPNetwork.Parse("3fff::/20")];

    private static readonly IPNetwork Nat64 = IPNetwork.Parse("64:ff9b::/96");
    private static readonly IPNetwork SixToFour = IPNetwork.Parse("2002::/16");

    /// <summary>True for an address that anybody on the internet could reach as well.</summary>
    public static bool IsPublic(IPAddress address)
    {
        var plain = Unwrap(address);
        return plain.AddressFamily == AddressFamily.InterNetwork
            ? !Denied4.Any(range => range.Contains(plain))
            : Global6.Contains(plain) && !IsIsatap(plain) && !Denied6.Any(range => range.Contains(plain));
    }

    /// <summary>The IPv4 address that an IPv6 one carries, or the address itself.</summary>
    public static IPAddress Unwrap(IPAddress address)
    {
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
            return address;
        if (address.IsIPv4MappedToIPv6)
            return address.MapToIPv4();
        var bytes = address.GetAddressBytes();
        return Nat64.Contains(address) ? new IPAddress(bytes.AsSpan(12))
            : SixToFour.Contains(address) ? new IPAddress(bytes.AsSpan(2, 4))
            : address;
    }

    // 0:5efe:a.b.c.d in the lower half tunnels to a.b.c.d under any prefix.
    private static bool IsIsatap(IPAddress address) =>
        (BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes().AsSpan(8)) & 0xfcffffff) == 0x00005efe;
}

/// <summary>A URL from outside leads where it may not, code <c>blocked_address</c>. The message never says what the name resolved to.</summary>
public sealed class BlockedAddressException(string message) : Exception(message);
