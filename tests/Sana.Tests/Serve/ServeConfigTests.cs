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
    public void What_cannot_be_used_is_refused_with_its_place(string json, string part)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("sana.json"), json);

        Assert.Contains(part, Assert.Throws<SanaException>(() => ServerFile.Read(folder.Path)).Message, StringComparison.Ordinal);
    }
}
