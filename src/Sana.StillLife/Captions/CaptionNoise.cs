namespace Sana.StillLife.Captions;

/// <summary>What people write under pictures: often true, often careless.</summary>
public static class CaptionNoise
{
    // As upper ends of the unit interval: true, wrong colour, wrong shape, wrong number or place, vague, typing errors; the rest has no caption at all.
    private static readonly double[] Shares = [0.40, 0.54, 0.62, 0.72, 0.84, 0.94];

    private static readonly string[] Vague = ["nice picture", "img 2041", "some shapes", "untitled", "a colourful thing", "wallpaper"];

    /// <summary>A caption as a careless person would leave it; null where there is none.</summary>
    public static string? Of(Scene scene, SceneRandom random)
    {
        var truth = CaptionGrammar.Paraphrase(scene, random);
        var richness = random.Chance(0.5) ? Richness.Plain : Richness.Placed;
        var at = random.Unit();
        return Array.FindIndex(Shares, end => at < end) switch
        {
            0 => truth,
            1 => HardNegatives.Of(scene, Change.Colour, richness, random) ?? truth,
            2 => HardNegatives.Of(scene, Change.Shape, richness, random) ?? truth,
            3 => HardNegatives.Of(scene, Change.Count, richness, random) ?? HardNegatives.Of(scene, Change.Place, richness, random) ?? HardNegatives.Of(scene, Change.Relation, richness, random) ?? truth,
            4 => random.Pick(Vague),
            5 => Mistyped(truth, random),
            _ => null,
        };
    }

    private static string Mistyped(string caption, SceneRandom random)
    {
        var letters = caption.ToCharArray();
        for (var slips = 1 + random.Below(3); slips > 0; slips--)
        {
            var at = random.Below(letters.Length - 1);
            (letters[at], letters[at + 1]) = (letters[at + 1], letters[at]);
        }

        return new string(letters);
    }
}
