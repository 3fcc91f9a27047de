using Sana.Inference.Text;
using Sana.StillLife;
using Sana.StillLife.Captions;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>
/// What the text encoder learns from: several captions of one scene, a line each. The later ones follow from the first only for a reader who has kept which colour belongs to which shape, how many
/// there are and where they stand.
/// </summary>
/// <param name="tokenizer">Of the checkpoint.</param>
/// <param name="seed">Of the scenes.</param>
/// <param name="boundFrom">
/// From this step on most scenes have several kinds of objects and every caption says how they stand, because what is hard to keep is which colour and which place belong to which of them.
/// </param>
internal sealed class CaptionPairs(GemmaTokenizer tokenizer, ulong seed, int boundFrom)
{
    private const double SeveralKinds = 0.7;

    private const int Eos = 1;
    private const int Longest = 120;

    private static readonly Richness[] SayingWhere = [Richness.Placed, Richness.Rich];

    /// <summary>Ids [b, s], padded on the right. With the instruction they begin with its last token, which merges with the first word; else with <c>&lt;bos&gt;</c>.</summary>
    /// <param name="step">Of the training; each has its own scenes.</param>
    /// <param name="size">b.</param>
    /// <param name="instruction">Null for plain captions.</param>
    public Tensor Batch(int step, int size, ComplexHumanInstruction? instruction)
    {
        int[][] rows = [.. Enumerable.Range(0, size).Select(i => Row((seed << 32) + (ulong)(((long)step * size) + i), step >= boundFrom, instruction))];
        var length = rows.Max(row => row.Length);
        var ids = new long[size * length];
        Array.Fill(ids, tokenizer.PadId);
        for (var row = 0; row < size; row++)
        {
            for (var i = 0; i < rows[row].Length; i++)
                ids[(row * length) + i] = rows[row][i];
        }

        return tensor(ids, size, length);
    }

    private int[] Row(ulong at, bool bound, ComplexHumanInstruction? instruction)
    {
        var random = new SceneRandom(~at);
        var scene = SceneGenerator.Draw(at);
        if (bound && random.Chance(SeveralKinds))
        {
            while (scene.Arrangement is not (Arrangement.SideBySide or Arrangement.Stacked or Arrangement.Trio))
                scene = SceneGenerator.Draw(random.Next());
        }

        var captions = Enumerable.Range(0, random.Chance(0.5) ? 2 : 3)
            .Select(_ => bound ? CaptionGrammar.Paraphrase(scene, random.Pick(SayingWhere), random) : CaptionGrammar.Paraphrase(scene, random));
        var text = string.Join('\n', captions);
        int[] ids = [.. tokenizer.Encode((instruction?.Text ?? "") + text), Eos];
        return ids[(instruction is null ? 0 : instruction.Tokens - 1)..Math.Min(ids.Length, (instruction?.Tokens ?? 1) - 1 + Longest)];
    }
}
