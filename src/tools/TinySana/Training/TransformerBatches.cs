using Sana.StillLife;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>One step's examples: scenes of one size, each with a caption or, one time in ten, without.</summary>
internal sealed class TransformerBatches(PromptStates prompts, CaptionSource captions, ulong seed)
{
    private const double Dropout = 0.1;

    // Of ten lone objects or signs drawn, how many are kept where scenes of several are to be learned.
    private const double AloneKept = 0.2;

    /// <summary>Latents [b, c, h, w], hidden states [b, l, channels] and their mask [b, l].</summary>
    /// <param name="scenes">To draw from.</param>
    /// <param name="step">Of the training; each has its own scenes and captions.</param>
    /// <param name="size">b.</param>
    /// <param name="several">Whether most scenes should have more than one object.</param>
    public (Tensor Latents, Tensor Text, Tensor Mask) Draw(SceneLatents scenes, int step, int size, bool several = false)
    {
        var (rows, texts) = (new long[size], new string?[size]);
        for (var i = 0; i < size; i++)
        {
            var random = new SceneRandom((seed << 40) + (ulong)(((long)step * size) + i));
            Scene scene;
            do
            {
                rows[i] = random.Below((int)scenes.Count);
                scene = SceneGenerator.Draw(scenes.First + (ulong)rows[i]);
            }
            while (several && scene.Arrangement is (Arrangement.Alone or Arrangement.Sign) && !random.Chance(AloneKept));

            texts[i] = random.Chance(Dropout) ? null : captions(scenes.First + (ulong)rows[i], scene, random);
        }

        var (text, mask) = prompts.Encode(texts);
        return (scenes.All.index_select(0, tensor(rows)), text, mask);
    }
}
