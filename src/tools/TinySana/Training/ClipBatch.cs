using Sana.Inference.Text;
using Sana.StillLife;
using Sana.StillLife.Captions;
using TinySana.Scenes;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>
/// Scenes and texts of one step.
/// The order of texts: the first true text of every scene, the second one of every scene, the negatives of each true text, careless captions of other scenes.
/// </summary>
internal sealed class ClipBatch
{
    /// <summary>True texts for each scene.</summary>
    public const int Truths = 2;

    /// <summary>Hard negatives for each true text.</summary>
    public const int Negatives = 3;

    private const int Careless = 8;

    // Richness of the first true text, which says much, and of the second, which says less.
    private static readonly Richness[][] Styles =
        [[Richness.Rich, Richness.Placed, Richness.Placed], [Richness.Bare, Richness.Terse, Richness.Plain, Richness.Plain, Richness.Rich]];

    public ClipBatch(ulong seed, int step, int count)
    {
        Scenes = TrainingScenes.Draw(seed, step, count);
        var random = new SceneRandom((seed << 32) + (ulong)step);
        var drawn = Enumerable.Range(0, Truths * count).Select(q => ClipTexts.Draw(Scenes[q % count], random.Pick(Styles[q / count]), Negatives, random)).ToArray();
        Texts =
        [
            .. drawn.Select(one => one.Truth), .. drawn.SelectMany(one => one.Negatives), .. Enumerable.Range(0, Careless).Select(_ => CarelessText(random)),
        ];
    }

    public Scene[] Scenes { get; }

    public SceneText[] Texts { get; }

    /// <summary>The indices of each scene's negatives among the texts, int64 [b, truths × negatives].</summary>
    public Tensor NegativesOfScenes()
    {
        var b = Scenes.Length;
        var at =
            from i in Enumerable.Range(0, b)
            from truth in Enumerable.Range(0, Truths)
            from negative in Enumerable.Range(0, Negatives)
            select (long)((Truths * b) + (((truth * b) + i) * Negatives) + negative);
        return tensor(at.ToArray()).reshape(b, Truths * Negatives);
    }

    /// <summary>Whether each text is true of each scene, whichever scene it was written for: bool [b, texts].</summary>
    public Tensor IsTrue()
    {
        var marks = Scenes.SelectMany(scene =>
        {
            var meanings = ClipTexts.Meanings(scene);
            return Texts.Select(text => meanings.Contains(text.Meaning));
        });
        return tensor(marks.ToArray()).reshape(Scenes.Length, Texts.Length);
    }

    /// <summary>The facts that the texts state, int64 [texts, questions].</summary>
    public Tensor StatedFacts()
    {
        var nothing = Enumerable.Repeat((long)SceneTruth.Ignored, SceneTruth.Classes.Count).ToArray();
        return tensor(Texts.SelectMany(text => text.Usual ? SceneTruth.StatedBy(text.Scene, text.Richness) : nothing).ToArray()).reshape(Texts.Length, -1);
    }

    /// <summary>
    /// The texts as ids, in parts of texts of similar length: ids and position of the end token for each part, and for each text its row in the concatenated
    /// parts.
    /// </summary>
    public ((Tensor Ids, Tensor Ends)[] Parts, Tensor Rows) Tokens(ClipTokenizer tokenizer, int parts)
    {
        var all = Array.ConvertAll(Texts, text => tokenizer.Encode(text.Text));
        int[] order = [.. Enumerable.Range(0, all.Length).OrderBy(i => all[i].Length)];
        var rows = new long[order.Length];
        for (var row = 0; row < order.Length; row++)
            rows[order[row]] = row;
        var pieces = order.Chunk((order.Length + parts - 1) / parts).Select(chunk =>
        {
            var length = chunk.Max(i => all[i].Length);
            var ids = tensor(chunk.SelectMany(i => all[i].Ids.Take(length)).Select(id => (long)id).ToArray()).reshape(chunk.Length, length);
            return (ids, tensor(chunk.Select(i => all[i].Length - 1L).ToArray()));
        });
        return ([.. pieces], tensor(rows));
    }

    private static SceneText CarelessText(SceneRandom random)
    {
        var scene = SceneGenerator.Draw(random.Next());
        return new SceneText(CaptionNoise.Write(scene, random) ?? "", scene, Richness.Rich, Usual: false);
    }
}

/// <summary>A text about a scene.</summary>
/// <param name="Text">The text, in any wording.</param>
/// <param name="Scene">A scene that it is true of; for careless captions the scene it was written for.</param>
/// <param name="Richness">How much it says.</param>
/// <param name="Usual">Whether it has the standard wording.</param>
internal sealed record SceneText(string Text, Scene Scene, Richness Richness, bool Usual)
{
    /// <summary>The same text in the standard wording: texts of one richness mean the same if these are equal.</summary>
    public string Meaning { get; } = CaptionGrammar.Describe(Scene, Richness);
}

/// <summary>Draws true captions and hard negatives: false captions in the same wording that differ in one fact.</summary>
internal static class ClipTexts
{
    private const double UsualShare = 0.6;
    private const int Attempts = 16;

    /// <summary>A true caption and <paramref name="count"/> negatives.</summary>
    public static (SceneText Truth, SceneText[] Negatives) Draw(Scene scene, Richness richness, int count, SceneRandom random)
    {
        var (usual, wording) = (random.Chance(UsualShare), random.Next());
        return (Text(scene), [.. Enumerable.Range(0, count).Select(_ => Text(Change(scene, richness, random)))]);

        SceneText Text(Scene of) => new(
            usual ? CaptionGrammar.Describe(of, richness) : CaptionGrammar.Paraphrase(of, richness, new SceneRandom(wording)), of, richness, usual);
    }

    /// <summary>The standard wording of all texts that are true of a scene.</summary>
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

    private static Scene Change(Scene scene, Richness richness, SceneRandom random)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (richness == Richness.Rich && random.Chance(0.3))
                return ChangeStyle(scene, random);
            var (change, seed) = (random.Pick<Change>(), random.Next());
            if (HardNegatives.Write(scene, change, richness, new SceneRandom(seed)) is not null)
                return HardNegatives.Changed(scene, change, new SceneRandom(seed))!;
        }

        return SceneGenerator.Draw(random.Next());
    }

    // Changes that HardNegatives does not make: size, tone, texture.
    private static Scene ChangeStyle(Scene scene, SceneRandom random)
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
