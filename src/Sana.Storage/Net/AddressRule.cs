using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Sana.Storage.Net;

/// <summary>
/// Which addresses a URL from outside may lead to: global unicast only. An IPv4 address inside an IPv6 one (mapped, NAT64, 6to4) is judged as what it is.
/// The ranges are those of the IANA special-purpose registries; beside them stands Azure's platform address, which is public by class.
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
