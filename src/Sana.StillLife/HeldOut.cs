namespace Sana.StillLife;

/// <summary>
/// Combinations that no training scene shows, although training shows each of their parts often. A model that draws them composes and does not just remember.
/// Every rule leaves each shape and each colour most of its combinations.
/// </summary>
public static class HeldOut
{
    /// <summary>A shape in a colour: eight of eighty, one colour of each shape.</summary>
    public static bool Kind(Shape shape, Colour colour) => ((3 * (int)colour) + (7 * (int)shape)) % 10 == 0;

    /// <summary>Two shapes in one scene: four of the twenty-eight pairs of different shapes.</summary>
    public static bool Together(Shape one, Shape other) => (int)one + (int)other == 7;

    /// <summary>A shape in a number: three of twenty-four, one shape for each number.</summary>
    public static bool Count(int count, Shape shape) => count > 1 && ((3 * count) + (int)shape) % 8 == 0;

    /// <summary>A single shape at a place: eight of seventy-two.</summary>
    public static bool Placed(Shape shape, Place place) => ((int)place + (2 * (int)shape)) % 9 == 0;

    /// <summary>The order of two shapes: eight of sixty-four in each arrangement. Training shows the same two shapes in the other order.</summary>
    public static bool Ordered(Arrangement arrangement, Shape first, Shape second) => arrangement switch
    {
        Arrangement.SideBySide => ((3 * (int)first) + (int)second) % 8 == 1,
        Arrangement.Stacked => ((int)first + (3 * (int)second)) % 8 == 3,
        _ => false,
    };

    /// <summary>Two objects with their colours in one scene: one in nine pairs, in either order.</summary>
    public static bool Bound(SceneObject one, SceneObject other)
    {
        var (a, b) = (Number(one), Number(other));
        return (Math.Min(a, b) + (7 * Math.Max(a, b))) % 9 == 4;
    }

    /// <summary>A shape in a size: eight of twenty-four.</summary>
    public static bool Sized(Shape shape, ObjectSize size) => ((int)shape + (int)size) % 3 == 1 && (int)shape % 2 == 0;

    /// <summary>Whether a scene shows any of these combinations.</summary>
    public static bool Contains(Scene scene)
    {
        var objects = scene.Objects;
        if (objects.Any(one => Kind(one.Shape, one.Colour)))
            return true;
        if (scene.Arrangement == Arrangement.Group)
            return Count(objects.Count, objects[0].Shape);
        if (scene.Arrangement == Arrangement.Alone)
            return Placed(objects[0].Shape, objects[0].Place) || Sized(objects[0].Shape, objects[0].Size);

        for (var i = 0; i < objects.Count; i++)
        {
            for (var j = i + 1; j < objects.Count; j++)
            {
                if (Together(objects[i].Shape, objects[j].Shape) || Bound(objects[i], objects[j]) || Ordered(scene.Arrangement, objects[i].Shape, objects[j].Shape))
                    return true;
            }
        }

        return false;
    }

    private static int Number(SceneObject one) => (10 * (int)one.Shape) + (int)one.Colour;
}
