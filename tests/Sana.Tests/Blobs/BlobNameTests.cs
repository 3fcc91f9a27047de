using Sana.Storage.Blobs;
using Xunit;

namespace Sana.Tests.Blobs;

public sealed class BlobNameTests
{
    [Theory]
    [InlineData("a")]
    [InlineData("runs/a1/images/b000000000/j000000001/0000-18446744073709551615.png")]
    [InlineData("datasets/pets/v1/shards/00000_InternVL2-26B_clip_score.json")]
    [InlineData("cache/captions/model@rev=2/_stats.json")]
    public void Names_of_the_conventions_are_allowed(string name) => BlobName.Check(name);

    [Theory]
    [InlineData("")]
    [InlineData("/etc/passwd")]
    [InlineData("a/")]
    [InlineData("a//b")]
    [InlineData("..")]
    [InlineData("a/../b")]
    [InlineData("a/.b")]
    [InlineData("a/b.")]
    [InlineData(".incoming/a")]
    [InlineData("a\\b")]
    [InlineData("c:/a")]
    [InlineData("a b")]
    [InlineData("a\0b")]
    [InlineData("a\nb")]
    [InlineData("ä")]
    [InlineData("%2e%2e/a")]
    public void Other_names_are_refused(string name) => Assert.Throws<SanaException>(() => BlobName.Check(name));

    [Fact]
    public void Length_is_limited_to_1024_and_255_a_segment()
    {
        var longest = string.Join('/', Enumerable.Repeat(new string('a', 204), 5));

        BlobName.Check(longest);

        Assert.Equal(1024, longest.Length);
        Assert.Throws<SanaException>(() => BlobName.Check(longest + "a"));
        Assert.Throws<SanaException>(() => BlobName.Check(new string('a', 256)));
    }
}
