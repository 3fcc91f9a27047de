namespace Sana.StillLife.Captions;

/// <summary>Captions that are wrong in exactly one fact: true captions of a scene that differs from the given one in that fact.</summary>
public static class HardNegatives
{
    /// <summary>A caption that is wrong in one fact; null where the change does not apply, or where captions of this richness do not mention it.</summary>
    /// <param name="scene">The scene.</param>
    /// <param name="change">Which fact is wrong.</param>
    /// <param name="richness">How much the caption says.</param>
    /// <param name="random">Draws the wrong value.</param>
    public static string? Write(Scene scene, Change change, Richness richness, SceneRandom random)
    {
        if (Changed(scene, change, random) is not { } other)
            return null;
        var (truth, caption) = (CaptionGrammar.Describe(scene, richness), CaptionGrammar.Describe(other, richness));
        // Naming the same two objects in the other order is not false.
        return caption == truth || IsSameInOtherOrder(scene, other, richness) ? null : caption;
    }

    /// <summary>The scene with one fact changed; null where the change does not apply.</summary>
    public static Scene? Changed(Scene scene, Change change, SceneRandom random)
    {
        var objects = scene.Objects;
        var which = scene.Arrangement == Arrangement.Group ? -1 : random.Below(objects.Count);
        return change switch
        {
            Change.Colour => With(scene, which, (one, other) => one with { Colour = other.Colour }, one => one with { Colour = random.Pick<Colour>() }),
            Change.Shape => With(scene, which, (one, other) => one with { Shape = other.Shape }, one => one with { Shape = random.Pick<Shape>() }),
            Change.Count when scene.Arrangement == Arrangement.Group => scene with { Objects = [.. Enumerable.Repeat(objects[0], 2 + ((objects.Count - 2 + 1 + random.Below(2)) % 3))] },
            Change.Place when scene.Arrangement == Arrangement.Alone => scene with { Objects = [Moved(objects[0], random)] },
            Change.Relation when scene.IsPair => scene.Turned(),
            Change.Binding when scene.IsPair && objects[0].Colour != objects[1].Colour && objects[0].Shape != objects[1].Shape =>
                scene with { Objects = [objects[0] with { Colour = objects[1].Colour }, objects[1] with { Colour = objects[0].Colour }] },
            _ => null,
        };
    }

    private static bool IsSameInOtherOrder(Scene scene, Scene other, Richness richness) =>
        richness < Richness.Placed && scene.IsPair && CaptionGrammar.Describe(scene.Turned(), richness) == CaptionGrammar.Describe(other, richness);

    private static SceneObject Moved(SceneObject one, SceneRandom random)
    {
        var place = ((int)one.Place + 1 + random.Below(8)) % 9;
        return one with { X = 0.25 * (1 + (place % 3)), Y = 0.25 * (1 + (place / 3)) };
    }

    // Changes one object, or all objects of a group in the same way (which = −1).
    private static Scene With(Scene scene, int which, Func<SceneObject, SceneObject, SceneObject> take, Func<SceneObject, SceneObject> draw)
    {
        var drawn = draw(scene.Objects[Math.Max(which, 0)]);
        return scene with { Objects = [.. scene.Objects.Select((one, i) => which < 0 || i == which ? take(one, drawn) : one)] };
    }
}

/// <summary>The fact that a hard negative states wrongly.</summary>
public enum Change
{
    /// <summary>The colour of one object.</summary>
    Colour,

    /// <summary>The shape of one object.</summary>
    Shape,

    /// <summary>The number of objects.</summary>
    Count,

    /// <summary>The place of a single object.</summary>
    Place,

    /// <summary>The relation of two objects.</summary>
    Relation,

    /// <summary>Which of two objects has which colour.</summary>
    Binding,
}
