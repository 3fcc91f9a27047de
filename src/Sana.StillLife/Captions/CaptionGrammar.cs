namespace Sana.StillLife.Captions;

/// <summary>Writes true captions of a scene, from short to detailed.</summary>
public static class CaptionGrammar
{
    // Cumulative probabilities of the levels of detail in a paraphrase.
    private static readonly double[] Shares = [0.10, 0.20, 0.45, 0.75, 1.0];

    // A list of two objects suggests that they are side by side.
    // So this share of the captions that would only list two stacked objects states the relation instead.
    private const double StackedIsSaid = 0.75;

    private static readonly string[] Openings = ["", "", "a picture of ", "a still life of ", "a still life: "];

    /// <summary>The standard caption of a richness: objects in reading order, always the same wording.</summary>
    public static string Describe(Scene scene, Richness richness) => Write(scene, richness, random: null);

    /// <summary>A caption of a richness in a random wording.</summary>
    public static string Paraphrase(Scene scene, Richness richness, SceneRandom random) => Write(scene, richness, random);

    /// <summary>A caption of a random richness in a random wording.</summary>
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
            return $"{SceneWords.Number(2)} {SceneWords.Plural(scene.Objects[0].Shape)}";
        if (richness < Richness.Placed)
            return first + (richness == Richness.Terse ? ", " : " and ") + second;
        // Either object may be named first. The relation is stated accordingly.
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
        return $"{SceneWords.Number(scene.Objects.Count)} {size}{colour}{SceneWords.Plural(one.Shape)}";
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

/// <summary>How much a caption says.</summary>
public enum Richness
{
    /// <summary>Shapes only: "a circle and a square".</summary>
    Bare,

    /// <summary>Keywords: "red circle, blue square".</summary>
    Terse,

    /// <summary>Colours and shapes: "a red circle and a blue square".</summary>
    Plain,

    /// <summary>Colours, shapes and places: "a red circle to the left of a blue square".</summary>
    Placed,

    /// <summary>Sizes, colours, shapes, places and the background.</summary>
    Rich,
}
