using Sana.Jobs.Http;
using Sana.Local.Hosting;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Serve;

public sealed class ServeConfigTests
{
    [Fact]
    public void Without_a_file_there_is_nothing_but_defaults()
    {
        using var folder = new TempFolder();

        Assert.Equal([80, 443], ServerFile.Read(folder.Path).WebhookPorts);
    }

    [Theory]
    [InlineData("{", "line 1")]
    [InlineData("{\"colour\":1}", "colour")]
    [InlineData("{\"sources\":null}", "sources")]
    [InlineData("{\"webhook_secrets\":{\"default\":\"AAAA\"}}", "base64")]
    [InlineData("{\"webhook_networks\":[\"everything\"]}", "everything")]
    [InlineData("{\"schedules\":[{\"schedule\":{\"name\":\"n\",\"cron\":\"never\"},\"curate\":{\"source\":\"s\",\"dataset\":\"d\"}}]}", "never")]
    [InlineData("{\"schedules\":[{\"schedule\":{\"name\":\"n\",\"cron\":\"* * * * *\"}}]}", "one of generate and curate")]
    [InlineData("{\"schedules\":[{\"schedule\":{\"name\":\"../n\",\"cron\":\"* * * * *\"},\"curate\":{\"source\":\"s\",\"dataset\":\"d\"}}]}", "takes a-z")]
    [InlineData("{\"public_url\":\"images.example.org\"}", "is not an address such as https://images.example.org")]
    [InlineData("{\"public_url\":\"ftp://images.example.org\"}", "is not an address such as")]
    [InlineData("{\"public_url\":\"https://images.example.org/?a=b\"}", "is not an address such as")]
    [InlineData("{\"public_url\":\"https://images.example.org/v1/\"}", "ends with /v1")]
    [InlineData("{\"public_url\":\"https://images.example.org\",\"trusted_proxies\":[\"127.0.0.1\"]}", "keep one of them")]
    [InlineData("{\"trusted_proxies\":[\"nginx\"]}", "'nginx' in trusted_proxies")]
    [InlineData("{\"forwarded_headers\":\"x\"}", "use x-forwarded or forwarded")]
    [InlineData("{\"outside_limits\":\"blur\"}", "outside_limits of sana.json is 'blur'; use withhold or quarantine.")]
    [InlineData("{\"judges\":[{\"label\":\"nsfw\"}]}", "judges of sana.json: judges[0].kind is missing")]
    [InlineData("{\"judges\":\"judges.json\"}", "judges.json cannot be read")]
    [InlineData("{\"judges\":{}}", "takes a list of judges, or the path of a file")]
    [InlineData("{\"cors_origins\":[\"*\"]}", "'*' in cors_origins")]
    [InlineData("{\"cors_origins\":[\"https://app.example.org/page\"]}", "is not an origin")]
    public void What_cannot_be_used_is_refused_with_its_place(string json, string part)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("sana.json"), json);

        Assert.Contains(part, Assert.Throws<SanaException>(() => ServerFile.Read(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Addresses_and_origins_are_kept_as_browsers_write_them()
    {
        var config = new ServerFile { TrustedProxies = ["127.0.0.1", "::1", "10.1.0.0/16"], CorsOrigins = ["https://App.example.org/", "https://app.example.org:443", "app://notes.example"] };

        Assert.Equal(["127.0.0.1/32", "::1/128", "10.1.0.0/16"], config.ProxyNetworks().Select(network => network.ToString()));
        Assert.Equal(["https://app.example.org", "https://app.example.org", "app://notes.example"], config.Origins());
        Assert.Equal("https://images.example.org/sana/", PublicAddress.Parse("https://images.example.org/sana//", "public_url")!.Url.AbsoluteUri);
    }
}
