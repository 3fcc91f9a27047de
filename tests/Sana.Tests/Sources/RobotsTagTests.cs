using Sana.Curation.Sources;
using Xunit;

namespace Sana.Tests.Sources;

public sealed class RobotsTagTests
{
    [Theory]
    [InlineData("noai", true)]
    [InlineData("NoImageAI", true)]
    [InlineData("noindex", true)]
    [InlineData("nofollow, noimageindex", true)]
    [InlineData("none", true)]
    [InlineData("sana: noai", true)]
    [InlineData("SANA: nofollow, noai", true)]
    [InlineData("*: noindex", true)]
    [InlineData("googlebot: nofollow, sana: noindex", true)]
    [InlineData("unavailable_after: 25 Jun 2030 15:00:00 PST, noai", true)]
    [InlineData("googlebot: noindex", false)]
    [InlineData("googlebot: nofollow, noindex", false)]
    [InlineData("nofollow, max-image-preview: none", false)]
    [InlineData("all", false)]
    [InlineData("noairplanes", false)]
    [InlineData(":::,,:", false)]
    [InlineData("", false)]
    public void A_refusal_counts_when_it_is_for_everybody_or_for_us(string line, bool refuses) => Assert.Equal(refuses, RobotsTag.Refuses([line]));

    [Fact]
    public void Any_line_of_several_refuses() => Assert.True(RobotsTag.Refuses(["all", "googlebot: all", "noai"]));
}
