using Sana.Storage.Hub;
using Xunit;

namespace Sana.Tests.Hub;

public sealed class HubIdTests
{
    [Theory]
    [InlineData("Efficient-Large-Model/Sana_1600M_1024px_BF16_diffusers", "main")]
    [InlineData("openai/clip-vit-large-patch14@v1.0", "v1.0")]
    [InlineData("a/b@refs/pr/3", "refs/pr/3")]
    [InlineData("a/b@0123456789abcdef0123456789abcdef01234567", "0123456789abcdef0123456789abcdef01234567")]
    public void An_id_has_an_owner_a_name_and_perhaps_a_revision(string text, string revision)
    {
        Assert.True(HubId.TryParse(text, out var id));

        Assert.Equal((text.Split('@')[0], revision), (id.Repository, id.Revision));
        Assert.Equal(text, id.ToString());
        Assert.Equal(revision.Length == 40, id.IsCommit);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("name")]
    [InlineData("/a/b")]
    [InlineData("./a")]
    [InlineData("../a")]
    [InlineData("a/..")]
    [InlineData("a/b/c")]
    [InlineData("a/b@")]
    [InlineData("a/b@../c")]
    [InlineData("a/b@-x")]
    [InlineData("a--b/c")]
    [InlineData("a/b.")]
    [InlineData("a/b\n")]
    [InlineData("a b/c")]
    [InlineData("https://huggingface.co/a/b")]
    public void Other_texts_are_none(string? text) => Assert.False(HubId.TryParse(text, out _));
}
