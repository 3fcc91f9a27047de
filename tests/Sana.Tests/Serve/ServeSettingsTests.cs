using Sana.Jobs.Http;
using Sana.Local.Hosting;
using Sana.Local.Serve;
using Xunit;

namespace Sana.Tests.Serve;

public sealed class ServeSettingsTests
{
    private static readonly ApiKeys Keys = ApiKeys.Parse("a-key-of-24-characters-00");

    [Theory]
    [InlineData("http://127.0.0.1:8080", null, "", "localhost 127.0.0.1 [::1]")]
    [InlineData("http://127.0.0.1:8080", "https://images.example.org", "", "localhost 127.0.0.1 [::1] images.example.org")]
    [InlineData("http://127.0.0.1:8080", null, "a.example", "a.example localhost 127.0.0.1 [::1]")]
    // A proxy in another container asks by a name that nobody wrote down; a key is asked for there.
    [InlineData("http://0.0.0.0:8080", "https://images.example.org", "", "*")]
    [InlineData("http://0.0.0.0:8080", "https://images.example.org", "a.example", "a.example localhost 127.0.0.1 [::1] images.example.org")]
    public void Names_of_the_server(string urls, string? publicUrl, string hosts, string expected) =>
        Assert.Equal(expected, string.Join(' ', Create(urls, publicUrl, hosts).AllowedHosts));

    [Theory]
    [InlineData("http://127.0.0.1:8080", null, "http://127.0.0.1:8080/")]
    [InlineData("http://0.0.0.0:8080", null, "http://localhost:8080/")]
    [InlineData("http://[::]:8080", null, "http://localhost:8080/")]
    [InlineData("http://10.0.0.1:8080", null, "http://10.0.0.1:8080/")]
    [InlineData("http://0.0.0.0:8080", "https://images.example.org", "https://images.example.org/")]
    [InlineData("http://0.0.0.0:8080", "https://images.example.org/sana/", "https://images.example.org/sana/")]
    public void Where_the_page_is(string urls, string? publicUrl, string expected)
    {
        var settings = Create(urls, publicUrl);

        Assert.Equal(expected, settings.ClientAddress(settings.Urls).AbsoluteUri);
    }

    [Fact]
    public void The_option_goes_before_the_file() =>
        Assert.Equal("https://b.example/", ServeSettings.Create("http://127.0.0.1:1", Keys, new ServerFile { PublicUrl = "https://a.example" }, "https://b.example").PublicUrl!.Url.AbsoluteUri);

    [Fact]
    public void The_option_and_trusted_proxies_are_refused_together() =>
        Assert.Contains("keep one of them", Assert.Throws<SanaException>(() => ServeSettings.Create("http://127.0.0.1:1", Keys, new ServerFile { TrustedProxies = ["127.0.0.1"] }, "https://b.example")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("https://images.example.org", false)]
    [InlineData("https://localhost:8443", true)]
    [InlineData(null, false)]
    public void What_other_machines_reach_through_a_proxy_needs_a_key(string? publicUrl, bool isFine)
    {
        var config = new ServerFile { PublicUrl = publicUrl, TrustedProxies = publicUrl is null ? ["127.0.0.1"] : [] };

        var error = Record.Exception(() => ServeSettings.Create("http://127.0.0.1:1", ApiKeys.Parse(null), config, null));

        Assert.Equal(isFine, error is null);
        Assert.True(isFine || error is SanaException && error.Message.Contains("give a key", StringComparison.Ordinal), $"{error}");
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("for=192.0.2.60;proto=http;by=203.0.113.43", "for=192.0.2.60 proto=http by=203.0.113.43")]
    [InlineData("Proto=https; Host=\"a.example:8443\"", "proto=https host=a.example:8443")]
    [InlineData("host=evil.example, host=a.example;proto=https", "host=a.example proto=https")]
    [InlineData("host=a.example, for=1.2.3.4", "for=1.2.3.4")]
    [InlineData("host=\"evil.example,host=a.example\"", "host=evil.example,host=a.example")]
    [InlineData("for=\"a\\\";host=evil.example\";proto=https", "for=a\\\";host=evil.example proto=https")]
    [InlineData("host=a.example,", "")]
    [InlineData("for=\"open, host=evil.example", "")]
    [InlineData("for=\"open\\", "")]
    public void Of_a_forwarded_header_the_last_element_counts(string header, string expected) =>
        Assert.Equal(expected, string.Join(' ', TrustedProxies.Last(header).Select(pair => $"{pair.Name}={pair.Value}")));

    private static ServeSettings Create(string urls, string? publicUrl, string hosts = "") =>
        ServeSettings.Create(urls, Keys, new ServerFile { PublicUrl = publicUrl, Hosts = hosts.Split(' ', StringSplitOptions.RemoveEmptyEntries) }, null);
}
