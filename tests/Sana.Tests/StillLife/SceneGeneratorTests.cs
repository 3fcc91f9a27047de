using Sana.StillLife;
using Xunit;

namespace Sana.Tests.StillLife;

public sealed class SceneGeneratorTests
{
    private const int Seeds = 20_000;

    [Fact]
    public void A_seed_gives_the_same_scene_every_time()
    {
        var (one, other) = (SceneGenerator.Draw(2026), SceneGenerator.Draw(2026));

        Assert.Equal(one.Objects, other.Objects);
        Assert.Equal((one.Arrangement, one.Background, one.Word), (other.Arrangement, other.Background, other.Word));
        Assert.NotEqual(one.Objects, SceneGenerator.Draw(2027).Objects);
    }

    [Fact]
    public void No_scene_shows_a_held_out_combination()
    {
        for (var seed = 0UL; seed < Seeds; seed++)
            Assert.False(HeldOut.Contains(SceneGenerator.Draw(seed)), $"Seed {seed} shows one.");
    }

    [Fact]
    public void Every_rule_holds_something_out_and_leaves_most_combinations()
    {
        foreach (var shape in Enum.GetValues<Shape>())
        {
            Assert.Single(Enum.GetValues<Colour>(), colour => HeldOut.Kind(shape, colour));
            Assert.Single(Enum.GetValues<Place>(), place => HeldOut.Placed(shape, place));
            Assert.InRange(Enum.GetValues<ObjectSize>().Count(size => HeldOut.Sized(shape, size)), 0, 2);
            Assert.InRange(Enumerable.Range(2, 3).Count(count => HeldOut.Count(count, shape)), 0, 1);
            Assert.Single(Enum.GetValues<Shape>(), other => HeldOut.Together(shape, other));
        }

        Assert.Equal(3, Enumerable.Range(2, 3).Sum(count => Enum.GetValues<Shape>().Count(shape => HeldOut.Count(count, shape))));
    }

    [Fact]
    public void Every_shape_colour_size_place_and_number_is_drawn()
    {
        var scenes = Enumerable.Range(0, 4000).Select(seed => SceneGenerator.Draw((ulong)seed)).ToArray();
        var objects = scenes.SelectMany(scene => scene.Objects).ToArray();

        Assert.Equal(72, objects.DistinctBy(one => (one.Shape, one.Colour)).Count());
        Assert.Equal(9, scenes.Where(scene => scene.Arrangement == Arrangement.Alone).DistinctBy(scene => scene.Objects[0].Place).Count());
        Assert.Equal([1, 2, 3, 4], scenes.Select(scene => scene.Objects.Count).Distinct().Order());
        Assert.Equal(25, scenes.DistinctBy(scene => scene.Background).Count());
        Assert.Equal(Scene.Words.Order(), scenes.Select(scene => scene.Word).OfType<string>().Distinct().Order());
    }

    [Fact]
    public void Groups_are_rows_or_figures_in_reading_order()
    {
        var groups = Enumerable.Range(0, 4000).Select(seed => SceneGenerator.DrawAny((ulong)seed)).Where(scene => scene.Arrangement == Arrangement.Group).ToArray();

        Assert.All(groups, scene => Assert.True(IsRow(scene.Objects) || IsFigure(scene.Objects), string.Join(", ", scene.Objects)));
        Assert.InRange(groups.Count(scene => IsRow(scene.Objects)) / (double)groups.Length, 0.4, 0.6);
    }

    private static bool IsRow(IReadOnlyList<SceneObject> objects) =>
        objects.Max(one => one.Y) - objects.Min(one => one.Y) < 0.1 && objects.Zip(objects.Skip(1)).All(pair => pair.First.X < pair.Second.X);

    // The upper objects come first.
    private static bool IsFigure(IReadOnlyList<SceneObject> objects)
    {
        var upper = objects.TakeWhile(one => one.Y < 0.5).Count();
        return objects.Skip(upper).All(one => one.Y > 0.5) && (upper, objects.Count) is (1, 2) or (1, 3) or (2, 4);
    }
}
