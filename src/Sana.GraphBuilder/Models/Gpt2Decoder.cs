using Sana.GraphBuilder.Checkpoint;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Onnx;

namespace Sana.GraphBuilder.Models;

/// <summary>
/// GPT-2 with cross attention (transformers' GPT2LMHeadModel inside a captioner), cut in two: <see cref="Cross"/> depends on the image alone and runs once an image, <see cref="Decode"/> runs
/// once a token. Letters: b batch, s tokens given, p tokens before them, t = p + s, n states of the encoder, d width.
/// </summary>
internal sealed class Gpt2Decoder(Graph g, Gpt2Config config, TokenTables tables)
{
    private readonly float _epsilon = (float)config.LayerNormEpsilon;
    private readonly Dim _heads = config.NHead;
    private readonly Dim _size = config.HeadDim;

    /// <summary>Keys and values of one layer.</summary>
    public readonly record struct KeyValue(Value Key, Value Value);

    /// <summary>The encoder's states [b, n, d] to every layer's keys [b, heads, head_dim, n], scaled by 1/√head_dim, and values [b, heads, n, head_dim].</summary>
    public KeyValue[] Cross(Value states) => [.. Enumerable.Range(0, config.NLayer).Select(i => CrossOf(states, $"decoder.transformer.h.{i}.crossattention"))];

    /// <summary>Token ids [b, s] after <paramref name="past"/> to the logits of the token that follows, [b, vocab], and to keys and values of all t tokens, each [b, heads, t, head_dim].</summary>
    public (Value Logits, KeyValue[] Present) Decode(Value ids, KeyValue[] past, KeyValue[] cross)
    {
        g.Path = "decoder.transformer";
        var (length, before) = (ids[1], past[0].Key[2]);
        var end = g.Add(g.Size(before), g.Size(length));
        var positions = g.Range(g.Size(before), end, length); // [s]
        var seen = g.Compare("LessOrEqual", g.Range(g.Constant(0L), end, before + length), g.Reshape(positions, length, 1));
        var mask = g.Where(seen, g.Scalar(0, ElementType.Float), g.Scalar(float.MinValue, ElementType.Float)); // [s, t]

        // Gathered before they are widened: the rows of the tables stay in the file.
        var x = g.Cast(g.Gather(g.Stored($"{tables.Embedding}.weight"), ids, 0), g.Compute); // [b, s, d]
        x = g.Add(x, g.Cast(g.Gather(g.Stored("decoder.transformer.wpe.weight"), positions, 0), g.Compute));
        var present = new KeyValue[config.NLayer];
        for (var i = 0; i < config.NLayer; i++)
        {
            var block = $"decoder.transformer.h.{i}";
            (x, present[i]) = Block(x, past[i], cross[i], mask, block);
            g.Module(block, x);
        }

        g.Path = "decoder";
        var last = g.LayerNorm(g.Gather(x, g.Scalar(-1), 1), _epsilon, "decoder.transformer.ln_f"); // [b, d]
        return (g.Linear(last, tables.Head, bias: false), present); // [b, vocab]
    }

    private (Value X, KeyValue Present) Block(Value x, KeyValue past, KeyValue cross, Value mask, string path)
    {
        g.Path = path;
        var (attended, present) = SelfAttention(Norm(x, $"{path}.ln_1"), past, mask, $"{path}.attn");
        x = g.Add(x, attended);
        x = g.Add(x, CrossAttention(Norm(x, $"{path}.ln_cross_attn"), cross, $"{path}.crossattention"));
        g.Path = $"{path}.mlp";
        var y = g.Activation(g.Conv1D(Norm(x, $"{path}.ln_2"), $"{path}.mlp.c_fc"), config.ActivationFunction); // [b, s, n_inner]
        return (g.Add(x, g.Conv1D(y, $"{path}.mlp.c_proj")), present);
    }

    private (Value Output, KeyValue Present) SelfAttention(Value x, KeyValue past, Value mask, string path)
    {
        g.Path = path;
        var parts = g.Split(g.Conv1D(x, $"{path}.c_attn"), 2, 3); // queries, keys, values, each [b, s, d]
        var (q, k, v) = (Heads(parts[0], 0, 2, 1, 3), Heads(parts[1], 0, 2, 1, 3), Heads(parts[2], 0, 2, 1, 3)); // [b, heads, s, head_dim]
        var present = new KeyValue(g.Concat(2, past.Key, k), g.Concat(2, past.Value, v)); // [b, heads, t, head_dim]
        var scores = g.Mul(g.MatMul(q, g.Transpose(present.Key, 0, 1, 3, 2)), Scale()); // [b, heads, s, t]
        return (Merged(g.Softmax(g.Add(scores, mask)), present.Value, x, $"{path}.c_proj"), present);
    }

    private Value CrossAttention(Value x, KeyValue cross, string path)
    {
        g.Path = path;
        var q = Heads(g.Conv1D(x, $"{path}.q_attn"), 0, 2, 1, 3); // [b, heads, s, head_dim]
        return Merged(g.Softmax(g.MatMul(q, cross.Key)), cross.Value, x, $"{path}.c_proj");
    }

    private KeyValue CrossOf(Value states, string path)
    {
        g.Path = path;
        var parts = g.Split(g.Conv1D(states, $"{path}.c_attn"), 2, 2); // keys, values, each [b, n, d]
        return new KeyValue(g.Mul(Heads(parts[0], 0, 2, 3, 1), Scale()), Heads(parts[1], 0, 2, 1, 3));
    }

    private Value Merged(Value weights, Value values, Value like, string path)
    {
        var mixed = g.Transpose(g.MatMul(weights, values), 0, 2, 1, 3); // [b, s, heads, head_dim]
        return g.Conv1D(g.Reshape(mixed, like[0], like[1], like[2]), path);
    }

    private Value Norm(Value x, string path) => g.LayerNorm(x, _epsilon, path);

    private Value Scale() => g.Scalar(1f / MathF.Sqrt(config.HeadDim), g.Compute);

    private Value Heads(Value x, params long[] order) => g.Transpose(g.Reshape(x, x[0], x[1], _heads, _size), order);
}
