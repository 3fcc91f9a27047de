using Sana.StillLife;
using Sana.StillLife.Captions;
using Xunit;

namespace Sana.Tests.StillLife.Captions;

public sealed class CaptionClaimsTests
{
    private const int Seeds = 20_000;

    private static readonly Scene Pair = new(
        Arrangement.SideBySide,
        [new SceneObject(Shape.Circle, Colour.Red, ObjectSize.Small, 0.27, 0.5, 0.095), new SceneObject(Shape.Square, Colour.Blue, ObjectSize.Large, 0.73, 0.5, 0.2)],
        new Background(Tone.PaleBlue, Texture.Striped));

    private static readonly Scene Group = new(
        Arrangement.Group, [.. Enumerable.Range(0, 3).Select(i => new SceneObject(Shape.Cross, Colour.Teal, ObjectSize.Small, 0.2 + (0.3 * i), 0.5, 0.095))], new Background(Tone.Grey, Texture.Plain));

    [Fact]
    public void Whatever_the_grammar_says_is_true_and_its_hard_negatives_are_not()
    {
        Parallel.For(0, Seeds, seed =>
        {
            var (scene, random) = (SceneGenerator.Draw((ulong)seed), new SceneRandom((ulong)seed + 1_000_000));
            var caption = CaptionGrammar.Paraphrase(scene, random);
            Assert.True(CaptionClaims.Parse(caption).Judge(scene).IsTrue, $"Seed {seed}: '{caption}' should be true.");

            var (change, richness) = ((Change)(seed % 6), (Richness)(seed / 6 % 5));
            if (HardNegatives.Write(scene, change, richness, random) is { } negative)
                Assert.False(CaptionClaims.Parse(negative).Judge(scene).IsTrue, $"Seed {seed}: '{negative}' should be false.");
        });
    }

    [Fact]
    public void Every_richness_is_true_and_says_more_than_the_one_before()
    {
        for (var seed = 0UL; seed < 500; seed++)
        {
            var scene = SceneGenerator.Draw(seed);
            var verdicts = Enum.GetValues<Richness>().Select(richness => CaptionClaims.Parse(CaptionGrammar.Describe(scene, richness)).Judge(scene)).ToArray();

            Assert.All(verdicts, verdict => Assert.True(verdict.IsTrue));
            Assert.Equal(verdicts.Select(verdict => verdict.Completeness).Order(), verdicts.Select(verdict => verdict.Completeness));
            Assert.Equal(1, verdicts[^1].Completeness);
        }
    }

    [Theory]
    [InlineData("a red circle to the left of a blue square", 7, 7)]
    [InlineData("a blue square to the right of a red circle", 7, 7)]
    [InlineData("a blue square to the left of a red circle", 7, 6)]
    [InlineData("a blue circle and a red square", 6, 4)]
    [InlineData("a red circle and a red circle", 6, 4)]
    [InlineData("two red circles", 3, 2)]
    [InlineData("a red crcile above a blue square", 5, 4)]
    [InlineData("a red circle and a blue square on a pale blue stripde background", 7, 7)]
    [InlineData("a red circle and a blue square on a aple blue striped background", 7, 7)]
    [InlineData("a green star, a red circle and a blue square", 9, 6)]
    public void Claims_are_counted_one_by_one(string caption, int claims, int isTrue)
    {
        var verdict = CaptionClaims.Parse(caption).Judge(Pair);

        Assert.Equal((claims, isTrue), (verdict.Claims, verdict.True));
    }

    [Theory]
    [InlineData("three teal crosses", true)]
    [InlineData("three small crosses", true)]
    [InlineData("two teal crosses", false)]
    [InlineData("a teal cross", false)]
    [InlineData("teal crosses", true)]
    [InlineData("three teal crosses in a row", true)]
    [InlineData("three red crosses", false)]
    public void A_number_must_be_exact(string caption, bool isTrue) => Assert.Equal(isTrue, CaptionClaims.Parse(caption).Judge(Group).IsTrue);

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("nice picture")]
    [InlineData("img 2041")]
    [InlineData("a colourful thing")]
    public void What_claims_nothing_is_not_true(string? caption)
    {
        var verdict = CaptionClaims.Parse(caption).Judge(Pair);

        Assert.Equal((0, 0, 0.0, false), (verdict.Claims, verdict.True, verdict.Completeness, verdict.IsTrue));
    }

    [Fact]
    public void A_sign_must_be_there_with_its_word()
    {
        var scene = new Scene(Arrangement.Sign, [Pair.Objects[0] with { X = 0.5, Y = 0.66 }], Pair.Background, "tea");

        Assert.True(CaptionClaims.Parse("a sign that says \"tea\" above a red circle").Judge(scene).IsTrue);
        Assert.False(CaptionClaims.Parse("a sign that says \"sun\" above a red circle").Judge(scene).IsTrue);
        Assert.False(CaptionClaims.Parse("a sign that says \"tea\" and a red circle").Judge(Pair).IsTrue);
    }
}
