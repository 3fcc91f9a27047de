namespace Sana.StillLife.Captions;

/// <summary>True captions of a scene, from terse to rich.</summary>
public static class CaptionGrammar
{
    // How often each richness comes in a paraphrase, as upper ends of the unit interval.
    private static readonly double[] Shares = [0.10, 0.20, 0.45, 0.75, 1.0];

    // Two things that are merely listed stand side by side; of one above the other this share of captions that would list them says so.
    private const double StackedIsSaid = 0.75;

    private static readonly string[] Openings = ["", "", "a picture of ", "a still life of ", "a still life: "];

    /// <summary>The one caption of a richness: objects in reading order, the usual words.</summary>
    public static string Describe(Scene scene, Richness richness) => Write(scene, richness, random: null);

    /// <summary>A caption of a richness in some of its wordings.</summary>
    public static string Paraphrase(Scene scene, Richness richness, SceneRandom random) => Write(scene, richness, random);

    /// <summary>A caption of any richness in any of its wordings.</summary>
    public static string Paraphrase(Scene scene, SceneRandom random)
    {
        var at = random.Unit();
        var richness = (Richness)Array.FindIndex(Shares, end => at < end);
        if (scene.Arrangement == Arrangement.Stacked && richness < Richness.Placed && random.Chance(StackedIsSaid))
            richness = Richness.Placed;
        return Write(scene, richness, random);
    }

    private static string Write(Scene scene, Richness richness, SceneRandom? random)
    {
        var sized = richness == Richness.Rich || (random?.Chance(richness == Richness.Placed ? 0.4 : 0.1) ?? false);
        var body = scene.Arrangement switch
        {
            Arrangement.Alone => Kind(scene.Objects[0], richness, sized) + (richness >= Richness.Placed ? " " + SceneWords.Of(scene.Objects[0].Place) : ""),
            Arrangement.SideBySide or Arrangement.Stacked => Pair(scene, richness, sized, random),
            Arrangement.Group => Group(scene, richness, sized),
            Arrangement.Trio => Trio(scene.Objects, richness, sized),
            _ => Sign(scene, richness, sized),
        };

        if (richness < Richness.Plain)
            return body;
        var opening = random?.Pick(Openings) ?? "";
        return opening + body + (richness == Richness.Rich ? $" on {SceneWords.Of(scene.Background)}" : "");
    }

    private static string Pair(Scene scene, Richness richness, bool sized, SceneRandom? random)
    {
        var (first, second) = (Kind(scene.Objects[0], richness, sized), Kind(scene.Objects[1], richness, sized));
        if (richness == Richness.Bare && first == second)
            return $"{SceneWords.Number(2)} {SceneWords.Several(scene.Objects[0].Shape)}";
        if (richness < Richness.Placed)
            return first + (richness == Richness.Terse ? ", " : " and ") + second; // in reading order, as people list what they see
        // Either of two may be named first; the relation turns with them.
        var turned = random?.Chance(0.4) ?? false;
        return scene.Arrangement == Arrangement.SideBySide
            ? turned ? $"{second} to the right of {first}" : $"{first} to the left of {second}"
            : turned ? $"{second} below {first}" : $"{first} above {second}";
    }

    private static string Group(Scene scene, Richness richness, bool sized)
    {
        var one = scene.Objects[0];
        var size = sized ? SceneWords.Of(one.Size) + " " : "";
        var colour = richness == Richness.Bare ? "" : SceneWords.Of(one.Colour) + " ";
        return $"{SceneWords.Number(scene.Objects.Count)} {size}{colour}{SceneWords.Several(one.Shape)}";
    }

    private static string Trio(IReadOnlyList<SceneObject> objects, Richness richness, bool sized)
    {
        string[] kinds = [.. objects.Select(one => Kind(one, richness, sized))];
        return richness == Richness.Terse ? string.Join(", ", kinds)
            : $"{kinds[0]}, {kinds[1]} and {kinds[2]}" + (richness >= Richness.Placed ? " in a row" : "");
    }

    private static string Sign(Scene scene, Richness richness, bool sized)
    {
        var one = Kind(scene.Objects[0], richness, sized);
        return richness == Richness.Terse ? $"sign \"{scene.Word}\", {one}"
            : $"a sign that says \"{scene.Word}\" {(richness >= Richness.Placed ? "above" : "and")} {one}";
    }

    private static string Kind(SceneObject one, Richness richness, bool sized)
    {
        var size = sized ? SceneWords.Of(one.Size) + " " : "";
        return richness switch
        {
            Richness.Bare => SceneWords.WithArticle(SceneWords.Of(one.Shape)),
            Richness.Terse => $"{SceneWords.Of(one.Colour)} {SceneWords.Of(one.Shape)}",
            _ => SceneWords.WithArticle($"{size}{SceneWords.Of(one.Colour)} {SceneWords.Of(one.Shape)}"),
        };
    }
}
