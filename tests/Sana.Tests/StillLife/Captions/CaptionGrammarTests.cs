using Sana.StillLife;
using Sana.StillLife.Captions;
using Xunit;

namespace Sana.Tests.StillLife.Captions;

public sealed class CaptionGrammarTests
{
    private const int Seeds = 2_000;

    [Fact]
    public void Every_paraphrase_is_true_of_its_scene()
    {
        for (var seed = 0UL; seed < Seeds; seed++)
        {
            var scene = SceneGenerator.DrawAny(seed);
            var caption = CaptionGrammar.Paraphrase(scene, new SceneRandom(seed));

            Assert.True(CaptionClaims.Parse(caption).Judge(scene).IsTrue, $"Seed {seed}: {caption}");
        }
    }

    [Fact]
    public void Two_listed_objects_are_in_reading_order()
    {
        foreach (var scene in Scenes(Arrangement.SideBySide).Where(scene => scene.Objects[0].Shape != scene.Objects[1].Shape))
        {
            var caption = CaptionGrammar.Paraphrase(scene, Richness.Plain, new SceneRandom(7));

            Assert.EndsWith($"{SceneWords.Of(scene.Objects[1].Colour)} {SceneWords.Of(scene.Objects[1].Shape)}", caption, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Stacked_objects_are_rarely_only_listed()
    {
        var captions = Scenes(Arrangement.Stacked).Select((scene, i) => CaptionGrammar.Paraphrase(scene, new SceneRandom((ulong)i))).ToArray();
        var listed = captions.Count(caption => !caption.Contains(" above ", StringComparison.Ordinal) && !caption.Contains(" below ", StringComparison.Ordinal));

        Assert.InRange(listed / (double)captions.Length, 0.06, 0.17);
    }

    private static IEnumerable<Scene> Scenes(Arrangement arrangement) =>
        Enumerable.Range(0, Seeds).Select(seed => SceneGenerator.DrawAny((ulong)seed)).Where(scene => scene.Arrangement == arrangement);
}
