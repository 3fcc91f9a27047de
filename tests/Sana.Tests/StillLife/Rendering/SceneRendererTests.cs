using System.Security.Cryptography;
using Sana.StillLife;
using Sana.StillLife.Rendering;
using Xunit;

namespace Sana.Tests.StillLife.Rendering;

public sealed class SceneRendererTests
{
    private static readonly Scene Golden = new(
        Arrangement.Sign, [new SceneObject(Shape.Heart, Colour.Red, ObjectSize.Medium, 0.5, 0.66, 0.14)], new Background(Tone.PaleBlue, Texture.Dotted), "jam");

    [Fact]
    public void A_scene_is_rendered_as_before()
    {
        Assert.Equal("bae5233f008a0fb9aa526ea2e4c1759ac35b8b95776aaee27f018a4f6eec3858", Convert.ToHexStringLower(SHA256.HashData(SceneRenderer.Render(Golden, 128))));
    }

    [Theory]
    [InlineData(15)]
    [InlineData(2_049)]
    public void Sides_out_of_range_are_refused(int side) => Assert.Throws<ArgumentOutOfRangeException>(() => SceneRenderer.Render(Golden, side));

    [Fact]
    public void An_object_has_its_colour_in_its_middle_and_the_background_is_pale()
    {
        var pixels = SceneRenderer.Render(Golden, 100);
        var (middle, corner) = (3 * ((66 * 100) + 50), 0);

        Assert.Equal((214.0, 40.0, 40.0), ((double)pixels[middle], pixels[middle + 1], pixels[middle + 2]), Near);
        Assert.All(pixels[corner..3], value => Assert.InRange(value, 180, 255));
    }

    private static bool Near((double, double, double) one, (double, double, double) other) =>
        Math.Abs(one.Item1 - other.Item1) < 30 && Math.Abs(one.Item2 - other.Item2) < 30 && Math.Abs(one.Item3 - other.Item3) < 30;
}
