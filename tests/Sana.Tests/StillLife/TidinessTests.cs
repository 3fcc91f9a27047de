using Sana.StillLife;
using Xunit;

namespace Sana.Tests.StillLife;

public sealed class TidinessTests
{
    private static readonly SceneObject _middle = new(Shape.Heart, Colour.Red, ObjectSize.Medium, 0.5, 0.5, 0.14);

    [Fact]
    public void One_object_in_the_middle_is_tidiest() => Assert.Equal(10, Tidiness.Of(Alone(_middle, Texture.Plain)), 1e-9);

    [Fact]
    public void A_pattern_a_corner_another_object_another_kind_and_a_card_each_take_their_part()
    {
        var (left, right) = (_middle with { X = 0.25 }, _middle with { X = 0.75 });
        var pair = new Scene(Arrangement.Group, [left, right], new Background(Tone.Cream, Texture.Plain));

        Assert.Equal(8, Tidiness.Of(Alone(_middle, Texture.Dotted)), 1e-9);
        Assert.Equal(8, Tidiness.Of(Alone(_middle with { X = 0.1, Y = 0.1 }, Texture.Shaded)), 1e-9);
        Assert.Equal(8.5, Tidiness.Of(pair), 1e-9);
        Assert.Equal(7.5, Tidiness.Of(pair with { Objects = [left, right with { Shape = Shape.Star }] }), 1e-9);
        Assert.Equal(8.5, Tidiness.Of(Alone(_middle, Texture.Plain) with { Arrangement = Arrangement.Sign, Word = "tea" }), 1e-9);
    }

    [Fact]
    public void Every_scene_is_within_the_scale() =>
        Assert.All(Enumerable.Range(0, 1_000).Select(seed => Tidiness.Of(SceneGenerator.DrawAny((ulong)seed))), score => Assert.InRange(score, 1, 10));

    private static Scene Alone(SceneObject one, Texture texture) => new(Arrangement.Alone, [one], new Background(Tone.Cream, texture));
}
