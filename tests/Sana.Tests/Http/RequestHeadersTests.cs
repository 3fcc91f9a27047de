using Sana.Jobs.Http;
using Xunit;

namespace Sana.Tests.Http;

public sealed class RequestHeadersTests
{
    [Theory]
    [InlineData(null, 0)]
    [InlineData("", 0)]
    [InlineData("wait=30", 30)]
    [InlineData("respond-async", 0)]
    [InlineData("respond-async, wait=30", 30)]
    [InlineData("wait=30, respond-async", 30)]
    [InlineData("return=minimal; Wait=5", 5)]
    [InlineData("wait=\"7\"", 7)]
    [InlineData("wait=-1", 0)]
    [InlineData("wait=many", 0)]
    [InlineData("wait=999999999999999999999", 0)]
    [InlineData("wait=3600", RequestHeaders.MaxWaitSeconds)]
    public void Prefer_says_how_long_to_wait(string? prefer, int seconds) => Assert.Equal(TimeSpan.FromSeconds(seconds), RequestHeaders.Wait(prefer));

    [Theory]
    [InlineData(null, null)]
    [InlineData("abc", "abc")]
    [InlineData("\"8e03978e-40d5\"", "8e03978e-40d5")]
    public void An_idempotency_key_may_be_quoted(string? header, string? key) => Assert.Equal(key, RequestHeaders.IdempotencyKey(header));

    [Theory]
    [InlineData("")]
    [InlineData("\"\"")]
    [InlineData("a\tb")]
    [InlineData("schlüssel")]
    public void A_key_that_no_header_should_carry_is_refused(string header) => Assert.Throws<ApiException>(() => RequestHeaders.IdempotencyKey(header));

    [Fact]
    public void A_key_of_256_characters_is_too_long() => Assert.Throws<ApiException>(() => RequestHeaders.IdempotencyKey(new string('k', 256)));
}
