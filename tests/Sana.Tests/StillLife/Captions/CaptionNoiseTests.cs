using Sana.StillLife;
using Sana.StillLife.Captions;
using Xunit;

namespace Sana.Tests.StillLife.Captions;

public sealed class CaptionNoiseTests
{
    private const int Seeds = 5_000;

    [Fact]
    public void Each_kind_of_careless_caption_has_its_share()
    {
        var captions = Enumerable.Range(0, Seeds).Select(seed =>
        {
            var scene = SceneGenerator.Draw((ulong)seed);
            var caption = CaptionNoise.Write(scene, new SceneRandom((ulong)seed + 77));
            return (Caption: caption, Claims: CaptionClaims.Parse(caption), Verdict: CaptionClaims.Parse(caption).Judge(scene));
        }).ToArray();

        // Of a hundred, six have no caption and twelve are vague. Forty are true, and some of the mistyped ones and of those whose change does not apply.
        Assert.InRange(captions.Count(one => one.Caption is null) / (double)Seeds, 0.045, 0.075);
        Assert.InRange(captions.Count(one => one.Caption is not null && one.Claims.Count == 0) / (double)Seeds, 0.10, 0.15);
        Assert.InRange(captions.Count(one => one.Verdict.IsTrue) / (double)Seeds, 0.48, 0.58);
    }
}
