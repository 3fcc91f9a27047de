using Sana.Inference.Text;
using Sana.StillLife;
using Sana.StillLife.Captions;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>
/// Scenes and texts of one step. Texts stand in this order: all first truths, all second truths, the lies of each truth in turn, careless captions of other scenes.
/// </summary>
internal sealed class ClipBatch
{
    /// <summary>True texts of a scene.</summary>
    public const int Truths = 2;

    /// <summary>Lies against each of them.</summary>
    public const int Lies = 3;

    private const int Careless = 8;

    // The first truth says much, the second less.
    private static readonly Richness[][] Styles =
        [[Richness.Rich, Richness.Placed, Richness.Placed], [Richness.Bare, Richness.Terse, Richness.Plain, Richness.Plain, Richness.Rich]];

    public ClipBatch(ulong seed, int step, int count)
    {
        Scenes = SceneStream.Of(seed, step, count);
        var random = new SceneRandom((seed << 32) + (ulong)step);
        var drawn = Enumerable.Range(0, Truths * count).Select(q => ClipLies.Draw(Scenes[q % count], random.Pick(Styles[q / count]), Lies, random)).ToArray();
        Texts =
        [
            .. drawn.Select(one => one.Truth), .. drawn.SelectMany(one => one.Lies), .. Enumerable.Range(0, Careless).Select(_ => Noise(random)),
        ];
    }

    public Scene[] Scenes { get; }

    public SceneText[] Texts { get; }

    /// <summary>Where each scene's lies stand among the texts, int64 [b, truths × lies].</summary>
    public Tensor LiesOfScenes()
    {
        var b = Scenes.Length;
        var at =
            from i in Enumerable.Range(0, b)
            from truth in Enumerable.Range(0, Truths)
            from lie in Enumerable.Range(0, Lies)
            select (long)((Truths * b) + (((truth * b) + i) * Lies) + lie);
        return tensor(at.ToArray()).reshape(b, Truths * Lies);
    }

    /// <summary>Which texts are true of which scenes, whoever they were made for: bool [b, texts].</summary>
    public Tensor True()
    {
        var marks = Scenes.SelectMany(scene =>
        {
            var meanings = ClipLies.Meanings(scene);
            return Texts.Select(text => meanings.Contains(text.Meaning));
        });
        return tensor(marks.ToArray()).reshape(Scenes.Length, Texts.Length);
    }

    /// <summary>What the texts say, int64 [texts, questions].</summary>
    public Tensor Said()
    {
        var nothing = Enumerable.Repeat(-100L, SceneTruth.Classes.Count).ToArray();
        return tensor(Texts.SelectMany(text => text.Usual ? SceneTruth.Said(text.Of, text.Richness) : nothing).ToArray()).reshape(Texts.Length, -1);
    }

    /// <summary>Texts as ids, those of like lengths together: parts of [ids, where each ends], and the row of each text in all parts put together.</summary>
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

    private static SceneText Noise(SceneRandom random)
    {
        var scene = SceneGenerator.Draw(random.Next());
        return new SceneText(CaptionNoise.Write(scene, random) ?? "", scene, Richness.Rich, Usual: false);
    }
}
