using Sana.StillLife;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>One step's examples: scenes of one size, each with a caption or, one time in ten, without.</summary>
internal sealed class TransformerBatches(PromptStates prompts, CaptionSource captions, ulong seed)
{
    private const double Dropout = 0.1;

    /// <summary>Latents [b, c, h, w], hidden states [b, l, channels] and their mask [b, l].</summary>
    public (Tensor Latents, Tensor Text, Tensor Mask) Draw(SceneLatents scenes, int step, int size)
    {
        var (rows, texts) = (new long[size], new string?[size]);
        for (var i = 0; i < size; i++)
        {
            var random = new SceneRandom((seed << 40) + (ulong)(((long)step * size) + i));
            rows[i] = random.Below((int)scenes.Count);
            var at = scenes.First + (ulong)rows[i];
            texts[i] = random.Chance(Dropout) ? null : captions(at, SceneGenerator.Draw(at), random);
        }

        var (text, mask) = prompts.Encode(texts);
        return (scenes.All.index_select(0, tensor(rows)), text, mask);
    }
}
