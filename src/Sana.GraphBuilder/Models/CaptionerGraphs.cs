using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Models;

/// <summary>The graphs of a captioner: where the network is cut, and the names of inputs and outputs. ARCHITECTURE.md and Sana.Inference have the same names.</summary>
internal static class CaptionerGraphs
{
    private static readonly Dim Batch = Dim.Symbolic("batch");

    /// <summary>encoder_model.onnx: what depends only on the image.</summary>
    public static Graph Encoder(VisionEncoderDecoderConfig config, TokenTables tables, SafetensorsWeights weights, Func<string, bool>? expose = null)
    {
        var g = new Graph("encoder_model", weights, expose: expose);
        long side = config.Encoder.ImageSize;
        var states = new VitGraph(g, config.Encoder).Encode(g.Input("pixel_values", ElementType.Float, Batch, 3, side, side));
        states = config.Projects ? g.Module("enc_to_dec_proj", g.Linear(states, "enc_to_dec_proj")) : states;
        var cross = new Gpt2Graph(g, config.Decoder, tables).Cross(states);
        for (var i = 0; i < cross.Length; i++)
        {
            g.Output(CrossKeyOf(i), cross[i].Key);
            g.Output(CrossValueOf(i), cross[i].Value);
        }

        return g;
    }

    /// <summary>decoder_model.onnx: what runs once for each token, the first included.</summary>
    public static Graph Decoder(VisionEncoderDecoderConfig config, TokenTables tables, SafetensorsWeights weights, Func<string, bool>? expose = null)
    {
        var g = new Graph("decoder_model", weights, expose: expose);
        long heads = config.Decoder.NHead, size = config.Decoder.HeadDim, states = config.Encoder.Tokens;
        var ids = g.Input("input_ids", ElementType.Int64, Batch, Dim.Symbolic("sequence"));
        var layers = Enumerable.Range(0, config.Decoder.NLayer).ToArray();
        var past = layers.Select(i => new KeysAndValues(Past(i, "key"), Past(i, "value"))).ToArray();
        var cross = layers.Select(i => new KeysAndValues(
            g.Input(CrossKeyOf(i), ElementType.Float, Batch, heads, size, states), g.Input(CrossValueOf(i), ElementType.Float, Batch, heads, states, size))).ToArray();
        var (logits, present) = new Gpt2Graph(g, config.Decoder, tables).Decode(ids, past, cross);
        g.Output("logits", logits);
        for (var i = 0; i < present.Length; i++)
        {
            g.Output($"present.{i}.key", present[i].Key);
            g.Output($"present.{i}.value", present[i].Value);
        }

        return g;

        Value Past(int layer, string what) => g.Input($"past_key_values.{layer}.{what}", ElementType.Float, Batch, heads, Dim.Symbolic("past"), size);
    }

    private static string CrossKeyOf(int layer) => $"decoder.{layer}.cross.k";

    private static string CrossValueOf(int layer) => $"decoder.{layer}.cross.v";
}

/// <summary>
/// The vision transformer (arXiv:2010.11929; transformers' ViTModel without its pooler) with the tensor names that it has inside a captioner. Letters: b batch, n patches, d width.
/// </summary>
internal sealed class VitGraph(Graph g, VitConfig config)
{
    private readonly float _epsilon = (float)config.LayerNormEps;

    /// <summary>Normalised pixels [b, 3, size, size] to the states of the class token and of every patch, [b, 1 + n, d].</summary>
    public Value Encode(Value pixels)
    {
        const string embeddings = "encoder.embeddings";
        var patches = g.Patches(pixels, $"{embeddings}.patch_embeddings.projection", config.PatchSize); // [b, d, side, side]
        patches = g.Transpose(g.Reshape(patches, patches[0], patches[1], patches[2] * patches[3]), 0, 2, 1); // [b, n, d]
        g.Path = embeddings;
        var first = g.Expand(g.Weight($"{embeddings}.cls_token"), patches[0], 1, patches[2]);
        var x = g.Module(embeddings, g.Add(g.Concat(1, first, patches), g.Weight($"{embeddings}.position_embeddings"))); // [b, 1 + n, d]
        for (var i = 0; i < config.NumHiddenLayers; i++)
        {
            var layer = $"encoder.encoder.layer.{i}";
            g.Path = layer;
            x = g.Add(x, Attention(g.LayerNorm(x, _epsilon, $"{layer}.layernorm_before"), $"{layer}.attention"));
            var y = g.Linear(g.LayerNorm(x, _epsilon, $"{layer}.layernorm_after"), $"{layer}.intermediate.dense"); // [b, 1 + n, intermediate]
            x = g.Module(layer, g.Add(x, g.Linear(g.Activation(y, config.HiddenAct), $"{layer}.output.dense")));
        }

        g.Path = "encoder";
        return g.Module("encoder.layernorm", g.LayerNorm(x, _epsilon, "encoder.layernorm"));
    }

    private Value Attention(Value x, string path)
    {
        g.Path = path;
        long heads = config.NumAttentionHeads, size = config.HiddenSize / heads;
        var q = Heads(g.Linear(x, $"{path}.attention.query", config.QkvBias), 0, 2, 1, 3); // [b, heads, 1 + n, head_dim]
        var k = Heads(g.Linear(x, $"{path}.attention.key", config.QkvBias), 0, 2, 3, 1); // [b, heads, head_dim, 1 + n]
        var v = Heads(g.Linear(x, $"{path}.attention.value", config.QkvBias), 0, 2, 1, 3);
        var scores = g.Mul(g.MatMul(q, k), g.Scalar(1f / MathF.Sqrt(size), q.Type)); // [b, heads, 1 + n, 1 + n]
        var mixed = g.Transpose(g.MatMul(g.Softmax(scores), v), 0, 2, 1, 3); // [b, 1 + n, heads, head_dim]
        return g.Linear(g.Reshape(mixed, x[0], x[1], x[2]), $"{path}.output.dense");

        Value Heads(Value y, params long[] order) => g.Transpose(g.Reshape(y, y[0], y[1], heads, size), order);
    }
}

/// <summary>
/// GPT-2 with cross attention (transformers' GPT2LMHeadModel inside a captioner), cut in two: <see cref="Cross"/> depends only on the image and runs once an image; <see cref="Decode"/> runs
/// once a token. Letters: b batch, s tokens given, p tokens before them, t = p + s, n states of the encoder, d width.
/// </summary>
internal sealed class Gpt2Graph(Graph g, Gpt2Config config, TokenTables tables)
{
    private readonly float _epsilon = (float)config.LayerNormEpsilon;
    private readonly Dim _heads = config.NHead;
    private readonly Dim _size = config.HeadDim;

    /// <summary>The encoder's states [b, n, d] to every layer's keys [b, heads, head_dim, n], scaled by 1/√head_dim, and values [b, heads, n, head_dim].</summary>
    public KeysAndValues[] Cross(Value states) => [.. Enumerable.Range(0, config.NLayer).Select(i => CrossOf(states, $"decoder.transformer.h.{i}.crossattention"))];

    /// <summary>Token ids [b, s] after <paramref name="past"/> to the logits of the token that follows, [b, vocab], and to keys and values of all t tokens, each [b, heads, t, head_dim].</summary>
    public (Value Logits, KeysAndValues[] Present) Decode(Value ids, KeysAndValues[] past, KeysAndValues[] cross)
    {
        g.Path = "decoder.transformer";
        var (length, before) = (ids[1], past[0].Key[2]);
        var end = g.Add(g.Size(before), g.Size(length));
        var positions = g.Range(g.Size(before), end, length); // [s]
        var seen = g.Compare("LessOrEqual", g.Range(g.Constant(0L), end, before + length), g.Reshape(positions, length, 1));
        var mask = g.Where(seen, g.Scalar(0, ElementType.Float), g.Scalar(float.MinValue, ElementType.Float)); // [s, t]

        // Gather before Cast: only the rows that are needed are read from the file.
        var x = g.Cast(g.Gather(g.Stored($"{tables.Embedding}.weight"), ids, 0), g.Compute); // [b, s, d]
        x = g.Add(x, g.Cast(g.Gather(g.Stored("decoder.transformer.wpe.weight"), positions, 0), g.Compute));
        var present = new KeysAndValues[config.NLayer];
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

    private (Value X, KeysAndValues Present) Block(Value x, KeysAndValues past, KeysAndValues cross, Value mask, string path)
    {
        g.Path = path;
        var (attended, present) = SelfAttention(Norm(x, $"{path}.ln_1"), past, mask, $"{path}.attn");
        x = g.Add(x, attended);
        x = g.Add(x, CrossAttention(Norm(x, $"{path}.ln_cross_attn"), cross, $"{path}.crossattention"));
        g.Path = $"{path}.mlp";
        var y = g.Activation(g.Conv1D(Norm(x, $"{path}.ln_2"), $"{path}.mlp.c_fc"), config.ActivationFunction); // [b, s, n_inner]
        return (g.Add(x, g.Conv1D(y, $"{path}.mlp.c_proj")), present);
    }

    private (Value Output, KeysAndValues Present) SelfAttention(Value x, KeysAndValues past, Value mask, string path)
    {
        g.Path = path;
        var parts = g.Split(g.Conv1D(x, $"{path}.c_attn"), 2, 3); // queries, keys, values, each [b, s, d]
        var (q, k, v) = (Heads(parts[0], 0, 2, 1, 3), Heads(parts[1], 0, 2, 1, 3), Heads(parts[2], 0, 2, 1, 3)); // [b, heads, s, head_dim]
        var present = new KeysAndValues(g.Concat(2, past.Key, k), g.Concat(2, past.Value, v)); // [b, heads, t, head_dim]
        var scores = g.Mul(g.MatMul(q, g.Transpose(present.Key, 0, 1, 3, 2)), Scale()); // [b, heads, s, t]
        return (Merged(g.Softmax(g.Add(scores, mask)), present.Value, x, $"{path}.c_proj"), present);
    }

    private Value CrossAttention(Value x, KeysAndValues cross, string path)
    {
        g.Path = path;
        var q = Heads(g.Conv1D(x, $"{path}.q_attn"), 0, 2, 1, 3); // [b, heads, s, head_dim]
        return Merged(g.Softmax(g.MatMul(q, cross.Key)), cross.Value, x, $"{path}.c_proj");
    }

    private KeysAndValues CrossOf(Value states, string path)
    {
        g.Path = path;
        var parts = g.Split(g.Conv1D(states, $"{path}.c_attn"), 2, 2); // keys, values, each [b, n, d]
        return new KeysAndValues(g.Mul(Heads(parts[0], 0, 2, 3, 1), Scale()), Heads(parts[1], 0, 2, 1, 3));
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
