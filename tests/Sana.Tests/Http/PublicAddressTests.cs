using Microsoft.AspNetCore.Http;
using Sana.Jobs.Http;
using Xunit;

namespace Sana.Tests.Http;

public sealed class PublicAddressTests
{
    [Theory]
    [InlineData("https://images.example.org", "https", "images.example.org", "")]
    [InlineData("https://Images.example.org:443/", "https", "images.example.org", "")]
    [InlineData("http://images.example.org:8443/sana/", "http", "images.example.org:8443", "/sana")]
    [InlineData("https://images.example.org/a%20b", "https", "images.example.org", "/a b")]
    public void A_request_is_given_the_outsides_address(string text, string scheme, string host, string prefix)
    {
        var request = new DefaultHttpContext().Request;
        (request.Scheme, request.Host, request.Path) = ("http", new HostString("127.0.0.1:8080"), "/v1/jobs");

        PublicAddress.Parse(text, "public_url")!.Apply(request);

        Assert.Equal((scheme, host, prefix, "/v1/jobs"), (request.Scheme, request.Host.Value, request.PathBase.Value, request.Path.Value));
    }

    [Fact]
    public void No_text_is_no_address() => Assert.Null(PublicAddress.Parse(null, "public_url"));
}
