using Sana.Jobs.Http;
using Xunit;

namespace Sana.Tests.Http;

public sealed class ApiKeysTests
{
    private const string One = "0123456789abcdef";
    private const string Two = "fedcba9876543210";

    [Theory]
    [InlineData("Bearer " + One, null)]
    [InlineData("bearer " + Two, null)]
    [InlineData(null, Two)]
    public void A_known_key_opens(string? authorization, string? apiKey) => Assert.True(ApiKeys.Parse($"{One}, {Two}").Accepts(authorization, apiKey));

    [Theory]
    [InlineData(null, null)]
    [InlineData("", "")]
    [InlineData("Bearer ", null)]
    [InlineData(One, null)]
    [InlineData("Basic " + One, null)]
    [InlineData("Bearer " + One + "0", null)]
    [InlineData("Bearer 0123456789abcde", null)]
    [InlineData(null, One + "," + Two)]
    public void Anything_else_does_not(string? authorization, string? apiKey) => Assert.False(ApiKeys.Parse($"{One},{Two}").Accepts(authorization, apiKey));

    [Fact]
    public void Without_keys_everybody_may_pass() => Assert.True(ApiKeys.Parse(null).Accepts(null, null));

    [Theory]
    [InlineData("short")]
    [InlineData("0123456789abcdé f")]
    [InlineData(One + ",short")]
    public void A_weak_key_is_refused_without_being_repeated(string keys) =>
        Assert.DoesNotContain("short", Assert.Throws<SanaException>(() => ApiKeys.Parse(keys)).Message, StringComparison.Ordinal);
}
