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

    [Fact]
    public void What_the_operator_names_is_reached_and_nothing_beside_it()
    {
        var rules = new UrlRules { Ports = [443, 9000], Networks = [IPNetwork.Parse("10.1.0.0/16")] };

        rules.Check("http://10.1.2.3:9000/hook");

        Assert.Throws<BlockedAddressException>(() => rules.Check("http://10.2.2.3:9000/hook"));
        Assert.Throws<BlockedAddressException>(() => rules.Check("http://10.1.2.3:9001/hook"));
    }
}
