using Sana.StillLife;
using Sana.StillLife.Captions;

namespace TinySana.Training;

/// <summary>A text about a scene, and what is true of it.</summary>
/// <param name="Text">In any wording.</param>
/// <param name="Of">The scene that it is true of.</param>
/// <param name="Richness">How much it says.</param>
/// <param name="Usual">Whether it is in the usual words and order.</param>
internal sealed record SceneText(string Text, Scene Of, Richness Richness, bool Usual)
{
    /// <summary>The same in the usual words: two texts of one richness say the same when these are equal.</summary>
    public string Meaning { get; } = CaptionGrammar.Describe(Of, Richness);
}

/// <summary>True captions and lies that differ from them in one thing, in the same wording: nothing but the image tells them apart.</summary>
internal static class ClipLies
{
    private const double UsualShare = 0.6;
    private const int Attempts = 16;

    /// <summary>A true caption and <paramref name="count"/> lies.</summary>
    public static (SceneText Truth, SceneText[] Lies) Draw(Scene scene, Richness richness, int count, SceneRandom random)
    {
        var (usual, wording) = (random.Chance(UsualShare), random.Next());
        return (Text(scene), [.. Enumerable.Range(0, count).Select(_ => Text(Lie(scene, richness, random)))]);

        SceneText Text(Scene of) => new(
            usual ? CaptionGrammar.Describe(of, richness) : CaptionGrammar.Paraphrase(of, richness, new SceneRandom(wording)), of, richness, usual);
    }

    /// <summary>Meanings of all texts, in the usual words, that are true of a scene.</summary>
    public static HashSet<string> Meanings(Scene scene)
    {
        var meanings = Enum.GetValues<Richness>().Select(richness => CaptionGrammar.Describe(scene, richness)).ToHashSet(StringComparer.Ordinal);
        if (scene.IsPair)
        {
            var turned = scene.Turned();
            meanings.UnionWith(new[] { Richness.Bare, Richness.Terse, Richness.Plain }.Select(richness => CaptionGrammar.Describe(turned, richness)));
        }

        return meanings;
    }

    private static Scene Lie(Scene scene, Richness richness, SceneRandom random)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (richness == Richness.Rich && random.Chance(0.3))
                return Restyled(scene, random);
            var (change, seed) = (random.Pick<Change>(), random.Next());
            if (HardNegatives.Write(scene, change, richness, new SceneRandom(seed)) is not null)
                return HardNegatives.Changed(scene, change, new SceneRandom(seed))!;
        }

        return SceneGenerator.Draw(random.Next());
    }

    // What the world's own list of changes leaves out: size, tone, texture.
    private static Scene Restyled(Scene scene, SceneRandom random)
    {
        var (tone, texture) = (scene.Background.Tone, scene.Background.Texture);
        switch (random.Below(3))
        {
            case 0:
                return scene with { Background = new Background((Tone)(((int)tone + 1 + random.Below(4)) % 5), texture) };
            case 1:
                return scene with { Background = new Background(tone, (Texture)(((int)texture + 1 + random.Below(4)) % 5)) };
            default:
                var (which, by) = (scene.Arrangement == Arrangement.Group ? -1 : random.Below(scene.Objects.Count), 1 + random.Below(2));
                return scene with { Objects = [.. scene.Objects.Select((one, i) => which < 0 || i == which ? one with { Size = (ObjectSize)(((int)one.Size + by) % 3) } : one)] };
        }
    }
}
