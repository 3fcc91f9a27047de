using Sana.Inference;
using Sana.Inference.Clip;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Clip;

public sealed class ClipNameTests
{
    [Theory]
    [InlineData("openai/clip-vit-large-patch14", "openai-vit-l-14")]
    [InlineData("openai/clip-vit-large-patch14-336", "openai-vit-l-14-336")]
    [InlineData("clip-vit-base-patch32", "vit-b-32")]
    [InlineData("laion/CLIP-ViT-H-14-laion2B-s32B-b79K", "laion-vit-h-14-laion2b-s32b-b79k")]
    [InlineData("checkpoint", "checkpoint")]
    [InlineData("My  Model__v1.5 ", "my-model-v1-5")]
    [InlineData("模型", "clip")]
    public void A_checkpoint_s_name_becomes_part_of_a_column_s(string checkpoint, string expected)
    {
        Assert.Equal(expected, ClipName.From(checkpoint));
        Assert.True(ClipName.IsValid(expected));
    }

    [Fact]
    public void A_long_name_is_cut() => Assert.Equal(new string('a', 64), ClipName.From(new string('a', 500)));

    [Theory]
    [InlineData("")]
    [InlineData("Upper")]
    [InlineData("-a")]
    [InlineData("a--b")]
    [InlineData("a_b")]
    [InlineData("a\n")]
    public void A_name_that_no_column_should_have_is_refused(string name)
    {
        using var checkpoint = new BuiltClip();

        Assert.Contains("openai-vit-l-14", Assert.Throws<InferenceException>(() => checkpoint.Scorer(new ClipScorerOptions { Name = name })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_given_name_wins()
    {
        using var checkpoint = new BuiltClip();
        using var scorer = checkpoint.Scorer(new ClipScorerOptions { Name = "openai-vit-l-14" });

        Assert.Equal("openai-vit-l-14", scorer.Name);
    }
}
