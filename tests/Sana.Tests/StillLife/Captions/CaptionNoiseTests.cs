using Sana.StillLife;
using Sana.StillLife.Captions;
using Xunit;

namespace Sana.Tests.StillLife.Captions;

public sealed class CaptionNoiseTests
{
    private const int Seeds = 5_000;

    [Fact]
    public void Careless_people_are_careless_as_often_as_is_said()
    {
        var captions = Enumerable.Range(0, Seeds).Select(seed =>
        {
            var scene = SceneGenerator.Draw((ulong)seed);
            var caption = CaptionNoise.Write(scene, new SceneRandom((ulong)seed + 77));
            return (Caption: caption, Claims: CaptionClaims.Parse(caption), Verdict: CaptionClaims.Parse(caption).Judge(scene));
        }).ToArray();

        // Six in a hundred have none, twelve are vague; some forty are true, and of mistyped ones and of changes that do not apply a part.
        Assert.InRange(captions.Count(one => one.Caption is null) / (double)Seeds, 0.045, 0.075);
        Assert.InRange(captions.Count(one => one.Caption is not null && one.Claims.Count == 0) / (double)Seeds, 0.10, 0.15);
        Assert.InRange(captions.Count(one => one.Verdict.IsTrue) / (double)Seeds, 0.48, 0.58);
    }
}
