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

    [Fact]
    public void A_token_says_what_is_left_of_its_life_and_is_no_link()
    {
        var links = new SignedLinks(new byte[32], _clock);
        var token = links.Token("page\nkeys", TimeSpan.FromHours(12));

        _clock.Advance(TimeSpan.FromHours(3));
        Assert.Equal(TimeSpan.FromHours(9), links.Accepts("page\nkeys", token));
        Assert.Null(links.Accepts("page\nother keys", token));
        Assert.Null(links.Accepts("page\nkeys", "9" + token));
        Assert.Null(links.Accepts("page\nkeys", token + ".more"));
        Assert.Null(links.Accepts("page\nkeys", null));
        Assert.False(links.Opens("jobs/a/0000-1.png", token.Split('.')[0], token.Split('.')[1]));
        _clock.Advance(TimeSpan.FromHours(9.1));
        Assert.Null(links.Accepts("page\nkeys", token));
    }

    [Fact]
    public void Keys_have_another_fingerprint_whenever_they_change()
    {
        const string one = "0123456789abcdef", two = "fedcba9876543210";

        Assert.Equal(4, new[] { "", one, two, $"{one},{two}" }.Select(keys => ApiKeys.Parse(keys).Fingerprint).Distinct().Count());
        Assert.Equal(ApiKeys.Parse(one).Fingerprint, ApiKeys.Parse(one).Fingerprint);
    }

    private static (string Exp, string Sig) Parts(string query) => query[1..].Split('&') is [var exp, var sig] ? (exp[4..], sig[4..]) : throw new FormatException(query);
}
