using System.Text;
using Sana.Jobs.Requests;
using Xunit;

namespace Sana.Tests.Webhooks;

public sealed class WebhookSignatureTests
{
    [Fact]
    public void The_published_example_is_signed_as_the_specification_signs_it()
    {
        var key = WebhookSignature.Key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");

        var headers = WebhookSignature.Headers(
            "msg_p5jXN8AQM9LWM0D4loKWxJek", DateTimeOffset.FromUnixTimeSeconds(1614265330), Encoding.UTF8.GetBytes("{\"test\": 2432232314}"), key);

        Assert.Equal("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", headers.Single(header => header.Key == "webhook-signature").Value);
    }

    [Theory]
    [InlineData("")]
    [InlineData("whsec_")]
    [InlineData("whsec_AAAA")]
    [InlineData("not base64 at all, but long enough to be one!")]
    public void A_secret_that_is_none_is_refused(string secret) => Assert.Throws<SanaException>(() => WebhookSignature.Key(secret));
}
