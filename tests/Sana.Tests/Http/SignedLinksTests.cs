using Microsoft.Extensions.Time.Testing;
using Sana.Jobs.Http;
using Xunit;

namespace Sana.Tests.Http;

public sealed class SignedLinksTests
{
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 23, 7, 0, 0, TimeSpan.Zero));

    [Fact]
    public void A_link_opens_its_blob_for_an_hour()
    {
        var links = new SignedLinks(new byte[32], _clock);
        var (exp, sig) = Parts(links.Query("jobs/a/0000-1.png"));

        Assert.True(links.Opens("jobs/a/0000-1.png", exp, sig));
        _clock.Advance(TimeSpan.FromMinutes(61));
        Assert.False(links.Opens("jobs/a/0000-1.png", exp, sig));
    }

    [Fact]
    public void It_opens_nothing_else()
    {
        var links = new SignedLinks(new byte[32], _clock);
        var (exp, sig) = Parts(links.Query("jobs/a/0000-1.png"));

        Assert.False(links.Opens("jobs/a/0000-2.png", exp, sig));
        Assert.False(links.Opens("jobs/a/0000-1.png", "9" + exp, sig));
        Assert.False(links.Opens("jobs/a/0000-1.png", exp, null));
        Assert.False(links.Opens("jobs/a/0000-1.png", exp, new string('!', 43)));
        Assert.False(new SignedLinks([.. Enumerable.Repeat((byte)1, 32)], _clock).Opens("jobs/a/0000-1.png", exp, sig));
    }

    private static (string Exp, string Sig) Parts(string query) => query[1..].Split('&') is [var exp, var sig] ? (exp[4..], sig[4..]) : throw new FormatException(query);
}
