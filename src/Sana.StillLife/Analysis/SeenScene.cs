namespace Sana.StillLife.Analysis;

/// <summary>What stands in a picture, as far as its pixels tell.</summary>
/// <param name="Objects">The objects in reading order: rows of the picture's thirds from the top, each from the left.</param>
/// <param name="Word">The word on the card; empty where a card bears none of the world's words, null without a card.</param>
public sealed record SeenScene(IReadOnlyList<SeenObject> Objects, string? Word)
{
    // Half of the distance by which neighbouring places, or the centres of neighbouring objects, differ at least.
    private const double Reach = 0.05;

    /// <summary>How many objects of a shape there are, and of a colour where one is given.</summary>
    public int Count(Shape shape, Colour? colour = null) => Objects.Count(one => one.Shape == shape && (colour is null || one.Colour == colour));

    /// <summary>Whether the picture shows exactly a scene: each object with its shape, colour, size and place, no other, and the same word.</summary>
    public bool Shows(Scene scene) =>
        Objects.Count == scene.Objects.Count && Word == scene.Word && scene.Objects.All(one => Objects.Count(seen => IsSame(one, seen)) == 1);

    private static bool IsSame(SceneObject one, SeenObject seen) =>
        seen.Shape == one.Shape && seen.Colour == one.Colour && seen.Size == one.Size && Math.Abs(seen.X - one.X) < Reach && Math.Abs(seen.Y - one.Y) < Reach;
}
