using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Onnx;

namespace Sana.GraphBuilder.Models;

/// <summary>
/// BART (arXiv:1910.13461; transformers' BartModel inside Florence-2): its encoder over the tokens of an image and a sentence, and its decoder, cut in two as that of every captioner.
/// Norms come after the sums. Letters: b images, n tokens of each, k captions of each, s tokens given, p tokens before them, t = p + s, d width.
/// </summary>
internal sealed class BartGraph(Graph g, BartConfig config, TokenTables tables)
{
    private const string Root = "model.language_model";
    private const float Epsilon = 1e-5f;

    private readonly CaptionAttention _attention = new(g, config.DecoderAttentionHeads, config.DModel / config.DecoderAttentionHeads);

    /// <summary>Tokens of images [b, m, d] and ids of one sentence [s], the same for all, to states [b, n, d], n = m + s.</summary>
    public Value Encode(Value image, Value ids)
    {
        const string path = $"{Root}.encoder";
        g.Path = path;
        var sentence = g.Reshape(Embedded(ids), 1, ids[0], config.DModel); // [1, s, d]
        var x = g.Concat(1, image, g.Expand(sentence, image[0], 1, config.DModel)); // [b, n, d]
        var positions = g.Range(g.Constant((long)BartConfig.PositionOffset), g.Add(g.Constant((long)BartConfig.PositionOffset), g.Size(x[1])), x[1]); // [n]
        x = Norm(g.Add(x, Positions(path, positions)), $"{path}.layernorm_embedding");
        for (var i = 0; i < config.EncoderLayers; i++)
        {
            var layer = $"{path}.layers.{i}";
            g.Path = $"{layer}.self_attn";
            x = Norm(g.Add(x, SelfAttention(x, g.Path)), $"{layer}.self_attn_layer_norm");
            g.Path = layer;
            x = g.Module(layer, Norm(g.Add(x, Mlp(x, layer)), $"{layer}.final_layer_norm"));
        }

        return g.Module(path, x);
    }

    /// <summary>The encoder's states [b, n, d] to every layer's keys [b, heads, head_dim, n], scaled by 1/√head_dim, and values [b, heads, n, head_dim].</summary>
    public KeysAndValues[] Cross(Value states) => [.. Enumerable.Range(0, config.DecoderLayers).Select(i =>
    {
        g.Path = $"{Root}.decoder.layers.{i}.encoder_attn";
        return _attention.OfImage(g.WideLinear(states, $"{g.Path}.k_proj"), g.WideLinear(states, $"{g.Path}.v_proj"));
    })];

    /// <summary>Token ids [b, k, s] after <paramref name="past"/> to the logits of the token that follows, [b, k, vocab], and to keys and values of all t tokens, each [b, k, heads, t, head_dim].</summary>
    public (Value Logits, KeysAndValues[] Present) Decode(Value ids, KeysAndValues[] past, KeysAndValues[] cross)
    {
        const string path = $"{Root}.decoder";
        g.Path = path;
        var (mask, places) = _attention.Causal(ids, past[0]);
        var x = g.Add(Embedded(ids), Positions(path, g.Add(places, g.Constant((long)BartConfig.PositionOffset)))); // [b, k, s, d]
        x = Norm(x, $"{path}.layernorm_embedding");
        var present = new KeysAndValues[config.DecoderLayers];
        for (var i = 0; i < present.Length; i++)
        {
            var layer = $"{path}.layers.{i}";
            g.Path = $"{layer}.self_attn";
            var q = g.Mul(g.WideLinear(x, $"{g.Path}.q_proj"), _attention.Scale()); // [b, k, s, d]
            (var mixed, present[i]) = _attention.OverTokens(q, g.WideLinear(x, $"{g.Path}.k_proj"), g.WideLinear(x, $"{g.Path}.v_proj"), past[i], mask);
            x = Norm(g.Add(x, g.WideLinear(mixed, $"{g.Path}.out_proj")), $"{layer}.self_attn_layer_norm");
            g.Path = $"{layer}.encoder_attn";
            mixed = _attention.OverImage(g.WideLinear(x, $"{g.Path}.q_proj"), cross[i]); // [b, k, s, d]
            x = Norm(g.Add(x, g.WideLinear(mixed, $"{g.Path}.out_proj")), $"{layer}.encoder_attn_layer_norm");
            g.Path = layer;
            x = g.Module(layer, Norm(g.Add(x, Mlp(x, layer)), $"{layer}.final_layer_norm"));
        }

        g.Path = "lm_head";
        return (g.Linear(_attention.Last(x), tables.Head, bias: false), present); // [b, k, vocab]
    }

    private Value SelfAttention(Value x, string path)
    {
        long heads = config.EncoderAttentionHeads, size = config.DModel / heads;
        var q = g.Mul(Heads(g.WideLinear(x, $"{path}.q_proj"), 0, 2, 1, 3), g.Scalar(1f / MathF.Sqrt(size), g.Compute)); // [b, heads, n, head_dim]
        var k = Heads(g.WideLinear(x, $"{path}.k_proj"), 0, 2, 3, 1); // [b, heads, head_dim, n]
        var v = Heads(g.WideLinear(x, $"{path}.v_proj"), 0, 2, 1, 3);
        var mixed = g.Transpose(g.MatMul(g.Softmax(g.MatMul(q, k)), v), 0, 2, 1, 3); // [b, n, heads, head_dim]
        return g.WideLinear(g.Reshape(mixed, x.Shape), $"{path}.out_proj");

        Value Heads(Value y, params long[] order) => g.Transpose(g.Reshape(y, y[0], y[1], heads, size), order);
    }

    private Value Mlp(Value x, string path) => g.WideLinear(g.Activation(g.WideLinear(x, $"{path}.fc1"), config.ActivationFunction), $"{path}.fc2");

    // Gather before Cast: only the rows that are needed are read from the file.
    private Value Embedded(Value ids) => g.Cast(g.Gather(g.Stored($"{tables.Embedding}.weight"), ids, 0), g.Compute);

    private Value Positions(string path, Value rows) => g.Cast(g.Gather(g.Stored($"{path}.embed_positions.weight"), rows, 0), g.Compute);

    private Value Norm(Value x, string path) => g.LayerNorm(x, Epsilon, path);
}
