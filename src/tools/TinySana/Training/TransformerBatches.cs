using Sana.Inference.Text;
using Sana.StillLife;
using TinySana.Networks;
using TinySana.Publishing;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>Draws the examples of a step: scenes of one size, nine in ten with a caption.</summary>
internal sealed class TransformerBatches(TrainingPromptEncoder prompts, CaptionSource captions, ulong seed)
{
    private const double Dropout = 0.1;

    // Share of the scenes with one object that are kept: scenes with several objects take longest to learn.
    private const double OneObjectKept = 0.5;

    /// <summary>The examples of a step.</summary>
    /// <param name="Scenes">The scenes.</param>
    /// <param name="Latents">Their latents [b, c, h, w].</param>
    /// <param name="Text">Hidden states of the captions [b, l, channels].</param>
    /// <param name="Mask">1 for text tokens, 0 for padding [b, l].</param>
    public sealed record Batch(Scene[] Scenes, Tensor Latents, Tensor Text, Tensor Mask);

    /// <summary>Draws the examples of a step.</summary>
    /// <param name="scenes">The scenes to draw from.</param>
    /// <param name="step">The step; each step has its own scenes and captions.</param>
    /// <param name="size">Number of examples b.</param>
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
            while (shown[i].Arrangement is Arrangement.Alone or Arrangement.Sign && !random.Chance(OneObjectKept));

            texts[i] = random.Chance(Dropout) ? null : captions(scenes.First + (ulong)rows[i], shown[i], random);
        }

        var (text, mask) = prompts.Encode(texts);
        return new(shown, scenes.All.index_select(0, tensor(rows)), text, mask);
    }
}

/// <summary>Gives the caption of a scene; null for none.</summary>
/// <param name="seed">The seed of the scene.</param>
/// <param name="scene">The scene.</param>
/// <param name="random">The random numbers of this example.</param>
internal delegate string? CaptionSource(ulong seed, Scene scene, SceneRandom random);

/// <summary>
/// Encodes prompts as the pipeline does: after the instruction, keeping the first hidden state (<c>&lt;bos&gt;</c>) and those from the instruction's last token
/// on. A dropped prompt is the pipeline's empty negative prompt, which has no instruction: only <c>&lt;bos&gt;</c>.
/// </summary>
internal sealed class TrainingPromptEncoder
{
    private readonly Gemma2Module _encoder;
    private readonly ComplexHumanInstruction _instruction;
    private readonly PastKeyValue[] _instructionCache;
    private readonly Tensor _bos;

    public TrainingPromptEncoder(string checkpoint)
    {
        using var noGradient = no_grad();
        (_encoder, _) = TextEncoderFolder.Read(Path.Combine(checkpoint, "text_encoder"));
        var tokenizer = GemmaTokenizer.Load(Path.Combine(checkpoint, "tokenizer"));
        _instruction = ComplexHumanInstruction.Load(checkpoint, tokenizer)!;
        var ids = _instruction.Ids[..^1].Select(id => (long)id).ToArray();
        var (hidden, present) = _encoder.Encode(tensor(ids, 1, ids.Length), []);
        _instructionCache = [.. present.Select(layer => new PastKeyValue(layer.Key.DetachFromDisposeScope(), layer.Value.DetachFromDisposeScope()))];
        _bos = hidden.narrow(1, 0, 1).clone().DetachFromDisposeScope(); // [1, 1, channels]
    }

    /// <summary>Hidden states [b, l, channels] and their mask [b, l].</summary>
    /// <param name="prompts">The prompts; null for a dropped one.</param>
    public (Tensor Text, Tensor Mask) Encode(IReadOnlyList<string?> prompts)
    {
        using var noGradient = no_grad();
        long[][] rows = [.. prompts.Select(prompt => prompt is null ? [] : KeptIds(prompt))];
        var (batch, length) = (rows.Length, Math.Max(1, rows.Max(row => row.Length)));
        var (ids, mask) = (new long[batch * length], new float[batch * (1 + length)]);
        for (var row = 0; row < batch; row++)
        {
            mask.AsSpan(row * (1 + length), 1 + rows[row].Length).Fill(1);
            rows[row].CopyTo(ids, row * length);
        }

        // The padding after a prompt does not change its states, because attention is causal.
        var hidden = _encoder.Encode(tensor(ids, batch, length), _instructionCache).Hidden; // [b, l - 1, channels]
        return (cat([_bos.expand(batch, -1, -1), hidden], 1), tensor(mask, batch, 1 + length));
    }

    private long[] KeptIds(string prompt)
    {
        var tokens = _instruction.Encode(prompt);
        return tokens.SharedPrefix == tokens.FirstKept ? [.. tokens.Ids[tokens.FirstKept..].Select(id => (long)id)]
            : throw new ArgumentException($"\"{prompt}\" merges with the instruction, so it cannot be encoded after the cached instruction.");
    }
}
