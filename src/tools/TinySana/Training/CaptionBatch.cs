using Sana.StillLife;
using TinySana.Tokenizers;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>Captions as a decoder learns them.</summary>
/// <param name="Ids">What it reads: the start token and the caption, int64 [b, s].</param>
/// <param name="Next">What it is to say: the caption and the end token, int64 [b, s]; −100 behind the end.</param>
internal sealed record CaptionBatch(Tensor Ids, Tensor Next)
{
    private const long Ignored = -100; // of torch's cross entropy

    public static CaptionBatch Of(IEnumerable<string> captions, Gpt2Tokenizer tokenizer)
    {
        var texts = captions.Select(tokenizer.Encode).ToArray();
        var (b, s) = (texts.Length, texts.Max(text => text.Length) + 1);
        var (ids, next) = (new long[b * s], new long[b * s]);
        ids.AsSpan().Fill(tokenizer.EndId);
        next.AsSpan().Fill(Ignored);
        for (var i = 0; i < b; i++)
        {
            for (var j = 0; j < texts[i].Length; j++)
                ids[(i * s) + j + 1] = next[(i * s) + j] = texts[i][j];
            next[(i * s) + texts[i].Length] = tokenizer.EndId;
        }

        return new CaptionBatch(tensor(ids).reshape(b, s), tensor(next).reshape(b, s));
    }
}

/// <summary>The scenes of training steps.</summary>
internal static class SceneStream
{
    /// <summary>Scenes of a step, from the seed and the step alone.</summary>
    public static Scene[] Of(ulong seed, int step, int count) =>
        [.. Enumerable.Range(0, count).Select(i => SceneGenerator.Draw((seed << 40) + ((ulong)step * (ulong)count) + (ulong)i))];
}
