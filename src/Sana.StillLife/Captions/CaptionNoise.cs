namespace Sana.StillLife.Captions;

/// <summary>Writes captions as people write them under pictures: often true, often careless.</summary>
public static class CaptionNoise
{
    // Cumulative probabilities: true, wrong colour, wrong shape, wrong number or place, vague, typing errors. The rest has no caption.
    private static readonly double[] Shares = [0.40, 0.54, 0.62, 0.72, 0.84, 0.94];

    private static readonly string[] Vague = ["nice picture", "img 2041", "some shapes", "untitled", "a colourful thing", "wallpaper"];

    /// <summary>A caption that may be false, vague or mistyped; null for no caption.</summary>
    public static string? Write(Scene scene, SceneRandom random)
    {
        var truth = CaptionGrammar.Paraphrase(scene, random);
        var richness = random.Chance(0.5) ? Richness.Plain : Richness.Placed;
        var at = random.Unit();
        return Array.FindIndex(Shares, end => at < end) switch
        {
            0 => truth,
            1 => HardNegatives.Write(scene, Change.Colour, richness, random) ?? truth,
            2 => HardNegatives.Write(scene, Change.Shape, richness, random) ?? truth,
            3 => HardNegatives.Write(scene, Change.Count, richness, random) ?? HardNegatives.Write(scene, Change.Place, richness, random) ?? HardNegatives.Write(scene, Change.Relation, richness, random) ?? truth,
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
