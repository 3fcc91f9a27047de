using Sana.StillLife;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>One step's examples: scenes of one size, each with a caption or, one time in ten, without.</summary>
internal sealed class TransformerBatches(PromptStates prompts, CaptionSource captions, ulong seed)
{
    private const double Dropout = 0.1;

    // Of the lone objects and signs drawn, how many are kept: scenes of several take longest to learn.
    private const double AloneKept = 0.5;

    /// <summary>One step's examples.</summary>
    /// <param name="Scenes">What they show.</param>
    /// <param name="Latents">[b, c, h, w].</param>
    /// <param name="Text">Hidden states [b, l, channels].</param>
    /// <param name="Mask">[b, l].</param>
    public sealed record Batch(Scene[] Scenes, Tensor Latents, Tensor Text, Tensor Mask);

    /// <summary>The examples of a step.</summary>
    /// <param name="scenes">To draw from.</param>
    /// <param name="step">Of the training; each has its own scenes and captions.</param>
    /// <param name="size">b.</param>
    public Batch Draw(SceneLatents scenes, int step, int size)
    {
        var (rows, shown, texts) = (new long[size], new Scene[size], new string?[size]);
        for (var i = 0; i < size; i++)
        {
            var random = new SceneRandom((seed << 40) + (ulong)(((long)step * size) + i));
            do
            {
                rows[i] = random.Below((int)scenes.Count);
                shown[i] = SceneGenerator.Draw(scenes.First + (ulong)rows[i]);
            }
            while (shown[i].Arrangement is Arrangement.Alone or Arrangement.Sign && !random.Chance(AloneKept));

            texts[i] = random.Chance(Dropout) ? null : captions(scenes.First + (ulong)rows[i], shown[i], random);
        }

        var (text, mask) = prompts.Encode(texts);
        return new(shown, scenes.All.index_select(0, tensor(rows)), text, mask);
    }
}
