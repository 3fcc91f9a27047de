using Sana.GraphBuilder;
using Sana.Inference.Clip;
using Sana.Inference.Text;
using Sana.StillLife;
using Sana.StillLife.Captions;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Shipped;

public sealed class TinyClipTests
{
    [Fact]
    public void A_true_caption_scores_more_than_one_that_is_wrong_in_one_thing()
    {
        using var model = new ShippedModel("tiny-clip");
        ClipCheckpoint.Build(model.Path, new BuildOptions());
        using var scorer = ClipScorer.Load(model.Path, new ClipScorerOptions { Threads = 1, BatchSize = 60 });
        var (scenes, random) = (UnseenScenes.Draw(60), new SceneRandom(1));
        var images = scorer.EmbedImages(UnseenScenes.Pictures(scenes));
        IReadOnlyList<string>[] texts =
        [
            .. scenes.Select(scene => (IReadOnlyList<string>)
            [
                CaptionGrammar.Describe(scene, Richness.Placed),
                .. Enum.GetValues<Change>().Select(change => HardNegatives.Write(scene, change, Richness.Placed, random)).OfType<string>(),
            ]),
        ];

        var scores = scorer.ScoreTexts(images, texts);

        Assert.True(texts.Sum(list => list.Count - 1) > 120);
        Assert.InRange(scores.Count(list => list.Skip(1).All(lie => lie.Score < list[0].Score)), 57, 60);
    }

    [Theory]
    [InlineData("a large red circle to the left of a small teal square", 12)]
    [InlineData("a still life: four black crosses on a pale green striped background", 13)]
    [InlineData("A PICTURE OF an orange heart", 6)]
    public void A_word_of_the_grammar_is_one_token(string caption, int words) =>
        Assert.Equal(words + 2, ClipTokenizer.Load(Folder()).Encode(caption).Tokens);

    [Fact]
    public void Both_forms_of_the_tokenizer_give_the_same_ids()
    {
        using var model = new ShippedModel("tiny-clip");
        var pair = ClipTokenizer.Load(model.Path);
        File.Delete(Path.Combine(model.Path, "vocab.json"));
        var single = ClipTokenizer.Load(model.Path);

        Assert.All(
            ["a still life: three small red stars", "as till lfie of a pinkc ross", "Émeu, 7 µm \"tea\" 🌙", ""],
            text => Assert.Equal(pair.Encode(text).Ids, single.Encode(text).Ids));
    }

    private static string Folder() => Path.Combine(Repository.Root, "models", "tiny-clip");
}
