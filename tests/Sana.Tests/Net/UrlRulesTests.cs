using System.Net;
using Sana.Storage.Net;
using Xunit;

namespace Sana.Tests.Net;

public sealed class UrlRulesTests
{
    [Theory]
    [InlineData("")]
    [InlineData("example.com/hook")]
    [InlineData("//example.com/hook")]
    [InlineData("ftp://example.com/")]
    [InlineData("file:///etc/passwd")]
    [InlineData("gopher://example.com/")]
    [InlineData("javascript:alert(1)")]
    [InlineData("https://user:secret@example.com/")]
    [InlineData("https://example.com@127.0.0.1/")]
    [InlineData("https://example.com:8443/")]
    [InlineData("http://example.com:22/")]
    [InlineData("https://exa mple.com/")]
    [InlineData("https://example.com\\@127.0.0.1/")]
    [InlineData("https://example.com/\r\nHost: other")]
    [InlineData("http://localhost/")]
    [InlineData("http://LOCALHOST./")]
    [InlineData("http://a.localhost/")]
    [InlineData("http://printer.local/")]
    [InlineData("http://metadata.google.internal/computeMetadata/v1/")]
    [InlineData("http://metadata.google.internal./")]
    [InlineData("http://intranet/")]
    [InlineData("http://127.0.0.1/")]
    [InlineData("http://127.1/")]
    [InlineData("http://2130706433/")]
    [InlineData("http://0x7f000001/")]
    [InlineData("http://0177.0.0.1/")]
    [InlineData("http://0/")]
    [InlineData("http://[::1]/")]
    [InlineData("http://[::ffff:127.0.0.1]/")]
    [InlineData("http://[::ffff:7f00:1]/")]
    [InlineData("http://[fe80::1%25lo]/")]
    [InlineData("http://169.254.169.254/latest/meta-data/")]
    [InlineData("http://①②⑦.⓪.⓪.①/")]
    [InlineData("http://127。0。0。1/")]
    public void A_url_that_leads_inside_or_is_odd_is_refused(string url) => Assert.Throws<BlockedAddressException>(() => new UrlRules().Check(url));

    [Theory]
    [InlineData("https://example.com/hook?x=1#y")]
    [InlineData("http://example.com")]
    [InlineData("https://bücher.example/")]
    [InlineData("https://1.1.1.1/")]
    [InlineData("https://[2606:4700:4700::1111]/")]
    public void A_public_url_is_let_through(string url) => Assert.True(new UrlRules().Check(url).IsAbsoluteUri);

    [Theory]
    [InlineData("https://example.com/a cat.jpg?of=me and you", "https://example.com/a%20cat.jpg?of=me%20and%20you")]
    [InlineData(" https://example.com/a.jpg ", "https://example.com/a.jpg")]
    [InlineData("https://example.com/büro/猫.jpg", "https://example.com/b%C3%BCro/%E7%8C%AB.jpg")]
    [InlineData("https://example.com/a%20b+c%2Fd.jpg", "https://example.com/a%20b+c%2Fd.jpg")]
    [InlineData("https://example.com/100% [new].jpg", "https://example.com/100%25%20[new].jpg")]
    [InlineData("https://example.com?q=a b", "https://example.com/?q=a%20b")]
    public void Blanks_and_what_is_not_ascii_are_encoded(string url, string sent) => Assert.Equal(sent, new UrlRules().Check(url).AbsoluteUri);

    [Fact]
    public void All_ports_of_named_networks_are_open_where_it_is_said()
    {
        var rules = new UrlRules { Networks = [IPNetwork.Parse("10.1.0.0/16"), IPNetwork.Parse("1.1.1.1/32")], AllPortsOfNetworks = true };

        rules.Check("http://10.1.2.3:9000/a.jpg");
        rules.Check("https://1.1.1.1:8443/a.jpg");
        rules.Check("http://minio:9000/a.jpg"); // its addresses are checked when it is connected
        rules.Check([IPAddress.Parse("10.1.2.3")], 9000);

        foreach (var blocked in new[] { "http://10.2.2.3/a.jpg", "https://1.1.1.2:8443/a.jpg" })
            Assert.Contains("--allow-network", Assert.Throws<BlockedAddressException>(() => rules.Check(blocked)).Message, StringComparison.Ordinal);
        Assert.Contains("Port 9000", Assert.Throws<BlockedAddressException>(() => rules.Check([IPAddress.Parse("1.1.1.2")], 9000)).Message, StringComparison.Ordinal);
        Assert.Equal([IPAddress.Parse("10.1.2.3")], rules.Check([IPAddress.Parse("1.1.1.2"), IPAddress.Parse("10.1.2.3")], 9000));
    }

    [Theory]
    [InlineData("10.1.0.0/16", true)]
    [InlineData("10.1.2.3", true)]
    [InlineData("fd00::1", true)]
    [InlineData("minio", false)]
    [InlineData("10.1.0.0/99", false)]
    public void A_network_is_a_range_or_one_address(string text, bool isNetwork) => Assert.Equal(isNetwork, UrlRules.TryNetwork(text, out _));

    [Fact]
    public void What_the_operator_names_is_reached_and_nothing_beside_it()
    {
        var rules = new UrlRules { Ports = [443, 9000], Networks = [IPNetwork.Parse("10.1.0.0/16")] };

        rules.Check("http://10.1.2.3:9000/hook");

        Assert.Throws<BlockedAddressException>(() => rules.Check("http://10.2.2.3:9000/hook"));
        Assert.Throws<BlockedAddressException>(() => rules.Check("http://10.1.2.3:9001/hook"));
    }
}
