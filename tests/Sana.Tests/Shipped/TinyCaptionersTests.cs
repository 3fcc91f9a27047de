using Sana.GraphBuilder;
using Sana.Inference.Captioning;
using Sana.StillLife;
using Sana.StillLife.Captions;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Shipped;

public sealed class TinyCaptionersTests
{
    private static readonly Scene[] Scenes = UnseenScenes.Draw(60);

    [Fact]
    public void The_stronger_says_all_that_is_to_be_said_and_is_hardly_ever_wrong()
    {
        var right = Captions("tiny-captioner-rich").Zip(Scenes).Count(pair =>
            pair.First == CaptionGrammar.Describe(pair.Second, Richness.Rich) || pair.First == CaptionGrammar.Describe(pair.Second, Richness.Placed));

        Assert.InRange(right, 57, 60);
    }

    [Fact]
    public void The_weaker_gives_keywords_and_is_wrong_now_and_then()
    {
        var right = Captions("tiny-captioner-terse").Zip(Scenes).Count(pair => pair.First == CaptionGrammar.Describe(pair.Second, Richness.Terse));

        Assert.InRange(right, 25, 55);
    }

    private static string[] Captions(string name)
    {
        using var model = new ShippedModel(name);
        CaptionerCheckpoint.Build(model.Path, new BuildOptions());
        using var network = CaptionNetwork.Load(model.Path, new CaptionNetworkOptions { Threads = 1, BatchSize = 30 });
        return [.. network.Generate(UnseenScenes.Pictures(Scenes), new GenerationOptions()).Select(caption => caption.Text)];
    }
}
