using Sana.Inference.Text;
using TinySana.Networks;
using TinySana.Publishing;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>
/// Prompts to what the transformer reads, as the pipeline does it: cleaned, after the instruction, of the hidden states the first (<c>&lt;bos&gt;</c>) and those from the instruction's last token on.
/// The empty negative prompt has no instruction: <c>&lt;bos&gt;</c> alone. All tensors here outlive the scope they are made in.
/// </summary>
internal sealed class PromptStates
{
    private readonly Gemma2 _encoder;
    private readonly ComplexHumanInstruction _instruction;
    private readonly Gemma2.KeyValue[] _before;
    private readonly Tensor _bos;

    public PromptStates(string checkpoint)
    {
        using var noGradient = no_grad();
        (_encoder, _) = TextEncoderFolder.Read(Path.Combine(checkpoint, "text_encoder"));
        var tokenizer = GemmaTokenizer.Load(Path.Combine(checkpoint, "tokenizer"));
        _instruction = ComplexHumanInstruction.Load(checkpoint, tokenizer)!;
        var ids = _instruction.Ids[..^1].Select(id => (long)id).ToArray();
        var (hidden, present) = _encoder.Encode(tensor(ids, 1, ids.Length), []);
        _before = [.. present.Select(layer => new Gemma2.KeyValue(layer.Key.DetachFromDisposeScope(), layer.Value.DetachFromDisposeScope()))];
        _bos = hidden.narrow(1, 0, 1).clone().DetachFromDisposeScope(); // [1, 1, channels]
    }

    /// <summary>Hidden states [b, l, channels] and their mask [b, l].</summary>
    /// <param name="prompts">Null for one that is dropped.</param>
    public (Tensor Text, Tensor Mask) Encode(IReadOnlyList<string?> prompts)
    {
        using var noGradient = no_grad();
        int[][] rows = [.. prompts.Select(prompt => prompt is null ? [] : Kept(prompt))];
        var (batch, length) = (rows.Length, Math.Max(1, rows.Max(row => row.Length)));
        var (ids, mask) = (new long[batch * length], new float[batch * (1 + length)]);
        for (var row = 0; row < batch; row++)
        {
            mask.AsSpan(row * (1 + length), 1 + rows[row].Length).Fill(1);
            for (var i = 0; i < rows[row].Length; i++)
                ids[(row * length) + i] = rows[row][i];
        }

        // Causal: what stands behind a prompt to fill its row changes nothing in it.
        var hidden = _encoder.Encode(tensor(ids, batch, length), _before).Hidden; // [b, l - 1, channels]
        return (cat([_bos.expand(batch, -1, -1), hidden], 1), tensor(mask, batch, 1 + length));
    }

    private int[] Kept(string prompt)
    {
        var tokens = _instruction.Encode(prompt);
        return tokens.SharedPrefix == tokens.FirstKept ? tokens.Ids[tokens.FirstKept..]
            : throw new ArgumentException($"\"{prompt}\" merges with the instruction: its states are not those of one behind it.");
    }
}
