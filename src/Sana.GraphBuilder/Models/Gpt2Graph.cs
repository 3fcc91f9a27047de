using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Onnx;

namespace Sana.GraphBuilder.Models;

/// <summary>
/// GPT-2 with cross attention (transformers' GPT2LMHeadModel inside a captioner), cut in two: <see cref="Cross"/> depends only on the image and runs once an image; <see cref="Decode"/> runs
/// once a token. Letters: b images, k captions of each, s tokens given, p tokens before them, t = p + s, n states of the encoder, d width.
/// </summary>
internal sealed class Gpt2Graph(Graph g, Gpt2Config config, TokenTables tables)
{
    private readonly float _epsilon = (float)config.LayerNormEpsilon;
    private readonly CaptionAttention _attention = new(g, config.NHead, config.HeadDim);

    /// <summary>The encoder's states [b, n, d] to every layer's keys [b, heads, head_dim, n], scaled by 1/√head_dim, and values [b, heads, n, head_dim].</summary>
    public KeysAndValues[] Cross(Value states) => [.. Enumerable.Range(0, config.NLayer).Select(i =>
    {
        g.Path = $"decoder.transformer.h.{i}.crossattention";
        var parts = g.Split(g.Conv1D(states, $"{g.Path}.c_attn"), 2, 2); // keys, values, each [b, n, d]
        return _attention.OfImage(parts[0], parts[1]);
    })];

    /// <summary>Token ids [b, k, s] after <paramref name="past"/> to the logits of the token that follows, [b, k, vocab], and to keys and values of all t tokens, each [b, k, heads, t, head_dim].</summary>
    public (Value Logits, KeysAndValues[] Present) Decode(Value ids, KeysAndValues[] past, KeysAndValues[] cross)
    {
        g.Path = "decoder.transformer";
        var (mask, positions) = _attention.Causal(ids, past[0]);

        // Gather before Cast: only the rows that are needed are read from the file.
        var x = g.Cast(g.Gather(g.Stored($"{tables.Embedding}.weight"), ids, 0), g.Compute); // [b, k, s, d]
        x = g.Add(x, g.Cast(g.Gather(g.Stored("decoder.transformer.wpe.weight"), positions, 0), g.Compute));
        var present = new KeysAndValues[config.NLayer];
        for (var i = 0; i < config.NLayer; i++)
        {
            var block = $"decoder.transformer.h.{i}";
            (x, present[i]) = Block(x, past[i], cross[i], mask, block);
            g.Module(block, x);
        }

        g.Path = "decoder";
        return (g.Linear(Norm(_attention.Last(x), "decoder.transformer.ln_f"), tables.Head, bias: false), present); // [b, k, vocab]
    }

    private (Value X, KeysAndValues Present) Block(Value x, KeysAndValues past, KeysAndValues cross, Value mask, string path)
    {
        g.Path = $"{path}.attn";
        var parts = g.Split(g.Conv1D(Norm(x, $"{path}.ln_1"), $"{path}.attn.c_attn"), 3, 3); // queries, keys, values, each [b, k, s, d]
        var (mixed, present) = _attention.OverTokens(g.Mul(parts[0], _attention.Scale()), parts[1], parts[2], past, mask);
        x = g.Add(x, g.Conv1D(mixed, $"{path}.attn.c_proj"));
        g.Path = $"{path}.crossattention";
        mixed = _attention.OverImage(g.Conv1D(Norm(x, $"{path}.ln_cross_attn"), $"{path}.crossattention.q_attn"), cross);
        x = g.Add(x, g.Conv1D(mixed, $"{path}.crossattention.c_proj"));
        g.Path = $"{path}.mlp";
        var y = g.Activation(g.Conv1D(Norm(x, $"{path}.ln_2"), $"{path}.mlp.c_fc"), config.ActivationFunction); // [b, k, s, n_inner]
        return (g.Add(x, g.Conv1D(y, $"{path}.mlp.c_proj")), present);
    }

    private Value Norm(Value x, string path) => g.LayerNorm(x, _epsilon, path);
}
