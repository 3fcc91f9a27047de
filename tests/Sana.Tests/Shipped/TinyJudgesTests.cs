using Sana.GraphBuilder;
using Sana.Inference;
using Sana.Inference.Clip;
using Sana.Inference.Judging;
using Sana.StillLife;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Shipped;

/// <summary>The judges that ship with the project, on scenes that no training drew.</summary>
public sealed class TinyJudgesTests
{
    [Fact]
    public void A_card_with_a_word_is_lettering_and_nothing_else_is()
    {
        using var model = new ShippedModel("tiny-lettering");
        JudgeCheckpoint.Build(model.Path, new BuildOptions());
        using var judge = ImageClassifier.Load(model.Path, "lettering", new JudgeOptions { Threads = 1 });
        Scene[] scenes = [.. UnseenScenes.Draw(500).Where(scene => scene.Word is not null).Concat(UnseenScenes.Draw(60)).Distinct()];

        var scores = judge.Score(new JudgedImages(UnseenScenes.Pictures(scenes)));

        Assert.InRange(scenes.Count(scene => scene.Word is not null), 10, 40);
        Assert.All(scenes.Zip(scores), one => Assert.Equal(one.First.Word is not null, one.Second > 0.5));
    }

    [Fact]
    public void A_tidy_scene_has_more_than_a_cluttered_one()
    {
        using var model = new ShippedModel("tiny-clip");
        ClipCheckpoint.Build(model.Path, new BuildOptions());
        using var clip = ClipScorer.Load(model.Path, new ClipScorerOptions { Threads = 1, BatchSize = 60, Name = "tiny-clip" });
        var scenes = UnseenScenes.Draw(60);
        using var judge = Head(clip);

        var scores = judge.Score(new JudgedImages(UnseenScenes.Pictures(scenes)));

        Assert.Equal("tidiness of a still life, 1…10", judge.Scale.Unit);
        Assert.InRange(scenes.Zip(scores).Average(one => Math.Abs(Tidiness.Of(one.First) - one.Second)), 0, MeanError);
    }

    [Fact]
    public void The_head_takes_no_other_CLIP()
    {
        using var built = new BuiltClip();
        using var other = built.Scorer();

        Assert.Contains("those of tiny-clip", Assert.Throws<InferenceException>(() => Head(other)).Message, StringComparison.Ordinal);
    }

    // On 400 scenes it is 0.56.
    private const double MeanError = 0.7;

    private static AestheticJudge Head(ClipScorer clip)
    {
        var file = AestheticFile.Open(ShippedModel.Folder("tiny-tidiness"));
        return new AestheticJudge("tiny-tidiness", file.Sha256, [.. file.Layers.Select(layer => new HeadLayer(layer.From, layer.To, layer.Weight, layer.Bias, layer.HasRelu))], clip, file.Clip, file.Scale);
    }
}
