namespace Sana.StillLife.Captions;

/// <summary>Captions that are wrong in one thing alone: the true caption of a scene that differs from this one in that.</summary>
public static class HardNegatives
{
    /// <summary>A false caption as near to a true one as can be, or null where the change does not apply or does not show at this richness.</summary>
    /// <param name="scene">The scene.</param>
    /// <param name="change">What is to be wrong.</param>
    /// <param name="richness">How much the caption says.</param>
    /// <param name="random">Draws the wrong value.</param>
    public static string? Of(Scene scene, Change change, Richness richness, SceneRandom random)
    {
        if (Changed(scene, change, random) is not { } other)
            return null;
        var (truth, lie) = (CaptionGrammar.Describe(scene, richness), CaptionGrammar.Describe(other, richness));
        // Naming two objects the other way round is no lie.
        return lie == truth || IsSameOtherWayRound(scene, other, richness) ? null : lie;
    }

    /// <summary>The scene with one thing changed; null where the change does not apply.</summary>
    public static Scene? Changed(Scene scene, Change change, SceneRandom random)
    {
        var objects = scene.Objects;
        var which = scene.Arrangement == Arrangement.Group ? -1 : random.Below(objects.Count);
        return change switch
        {
            Change.Colour => With(scene, which, (one, other) => one with { Colour = other.Colour }, one => one with { Colour = random.Pick<Colour>() }),
            Change.Shape => With(scene, which, (one, other) => one with { Shape = other.Shape }, one => one with { Shape = random.Pick<Shape>() }),
            Change.Count when scene.Arrangement == Arrangement.Group => scene with { Objects = [.. Enumerable.Repeat(objects[0], 2 + ((objects.Count - 2 + 1 + random.Below(2)) % 3))] },
            Change.Place when scene.Arrangement == Arrangement.Alone => scene with { Objects = [Elsewhere(objects[0], random)] },
            Change.Relation when scene.IsPair => scene.Turned(),
            Change.Binding when scene.IsPair && objects[0].Colour != objects[1].Colour && objects[0].Shape != objects[1].Shape =>
                scene with { Objects = [objects[0] with { Colour = objects[1].Colour }, objects[1] with { Colour = objects[0].Colour }] },
            _ => null,
        };
    }

    private static bool IsSameOtherWayRound(Scene scene, Scene other, Richness richness) =>
        richness < Richness.Placed && scene.IsPair && CaptionGrammar.Describe(scene.Turned(), richness) == CaptionGrammar.Describe(other, richness);

    private static SceneObject Elsewhere(SceneObject one, SceneRandom random)
    {
        var place = ((int)one.Place + 1 + random.Below(8)) % 9;
        return one with { X = 0.25 * (1 + (place % 3)), Y = 0.25 * (1 + (place / 3)) };
    }

    // One object drawn anew, or all of a group alike (which = −1).
    private static Scene With(Scene scene, int which, Func<SceneObject, SceneObject, SceneObject> take, Func<SceneObject, SceneObject> draw)
    {
        var drawn = draw(scene.Objects[Math.Max(which, 0)]);
        return scene with { Objects = [.. scene.Objects.Select((one, i) => which < 0 || i == which ? take(one, drawn) : one)] };
    }
}
