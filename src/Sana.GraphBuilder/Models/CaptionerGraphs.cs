using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Models;

/// <summary>
/// The graphs of a captioner of either family: where the network is cut, and the names of inputs and outputs. ARCHITECTURE.md and Sana.Inference have the same names.
/// The decoder writes several captions of each image at once; all of an image read one set of keys and values.
/// </summary>
internal static class CaptionerGraphs
{
    private static readonly Dim Batch = Dim.Symbolic("batch");
    private static readonly Dim Captions = Dim.Symbolic("captions");

    /// <summary>encoder_model.onnx of ViT with GPT-2: what depends only on the image.</summary>
    public static Graph Encoder(VisionEncoderDecoderConfig config, TokenTables tables, SafetensorsWeights weights, Func<string, bool>? expose = null, Arithmetic? arithmetic = null)
    {
        var g = new Graph("encoder_model", weights, arithmetic, expose);
        long side = config.Encoder.ImageSize;
        var states = new VitGraph(g, config.Encoder, "encoder").Encode(g.Input("pixel_values", ElementType.Float, Batch, 3, side, side));
        states = config.Projects ? g.Module("enc_to_dec_proj", g.Linear(states, "enc_to_dec_proj")) : states;
        return WithCross(g, new Gpt2Graph(g, config.Decoder, tables).Cross(states));
    }

    /// <summary>encoder_model.onnx of Florence-2: what depends on the image and the sentence that asks for a caption, which is the same for the whole batch.</summary>
    /// <param name="config">Of the checkpoint.</param>
    /// <param name="side">Of the image, in pixels.</param>
    /// <param name="tables">Where the token embedding is.</param>
    /// <param name="weights">Of the checkpoint.</param>
    /// <param name="expose">Which module outputs become outputs too.</param>
    /// <param name="arithmetic">What it computes in; null for float32.</param>
    public static Graph Encoder(Florence2Config config, int side, TokenTables tables, SafetensorsWeights weights, Func<string, bool>? expose = null, Arithmetic? arithmetic = null)
    {
        var g = new Graph("encoder_model", weights, arithmetic, expose);
        var pixels = g.Input("pixel_values", ElementType.Float, Batch, 3, side, side);
        var ids = g.Input("input_ids", ElementType.Int64, Dim.Symbolic("sequence"));
        var image = new FlorenceProjectorGraph(g).Project(new DaVitGraph(g, config.Vision).Encode(pixels));
        var bart = new BartGraph(g, config.Text, tables);
        return WithCross(g, bart.Cross(bart.Encode(image, ids)));
    }

    /// <summary>decoder_model.onnx of ViT with GPT-2: what runs once for each token, the first included.</summary>
    public static Graph Decoder(VisionEncoderDecoderConfig config, TokenTables tables, SafetensorsWeights weights, Func<string, bool>? expose = null, Arithmetic? arithmetic = null)
    {
        var (g, gpt2) = (new Graph("decoder_model", weights, arithmetic, expose), config.Decoder);
        return Decoder(g, gpt2.NLayer, gpt2.NHead, gpt2.HeadDim, config.Encoder.Tokens, new Gpt2Graph(g, gpt2, tables).Decode);
    }

    /// <summary>decoder_model.onnx of Florence-2.</summary>
    public static Graph Decoder(Florence2Config config, TokenTables tables, SafetensorsWeights weights, Func<string, bool>? expose = null, Arithmetic? arithmetic = null)
    {
        var (g, bart) = (new Graph("decoder_model", weights, arithmetic, expose), config.Text);
        return Decoder(g, bart.DecoderLayers, bart.DecoderAttentionHeads, bart.DModel / bart.DecoderAttentionHeads, Dim.Symbolic("states"), new BartGraph(g, bart, tables).Decode);
    }

    private static Graph Decoder(
        Graph g, int count, long heads, long size, Dim states, Func<Value, KeysAndValues[], KeysAndValues[], (Value Logits, KeysAndValues[] Present)> decode)
    {
        var ids = g.Input("input_ids", ElementType.Int64, Batch, Captions, Dim.Symbolic("sequence"));
        var layers = Enumerable.Range(0, count).ToArray();
        var past = layers.Select(i => new KeysAndValues(Past(i, "key"), Past(i, "value"))).ToArray();
        var cross = layers.Select(i => new KeysAndValues(
            g.Input(CrossKeyOf(i), ElementType.Float, Batch, heads, size, states), g.Input(CrossValueOf(i), ElementType.Float, Batch, heads, states, size))).ToArray();
        var (logits, present) = decode(ids, past, cross);
        g.Output("logits", logits);
        for (var i = 0; i < present.Length; i++)
        {
            g.Output($"present.{i}.key", present[i].Key);
            g.Output($"present.{i}.value", present[i].Value);
        }

        return g;

        Value Past(int layer, string what) => g.Input($"past_key_values.{layer}.{what}", ElementType.Float, Batch, Captions, heads, Dim.Symbolic("past"), size);
    }

    private static Graph WithCross(Graph g, KeysAndValues[] cross)
    {
        for (var i = 0; i < cross.Length; i++)
        {
            g.Output(CrossKeyOf(i), cross[i].Key);
            g.Output(CrossValueOf(i), cross[i].Value);
        }

        return g;
    }

    private static string CrossKeyOf(int layer) => $"decoder.{layer}.cross.k";

    private static string CrossValueOf(int layer) => $"decoder.{layer}.cross.v";
}

/// <summary>
/// What the decoders of captioners have in common: attention over the tokens so far and over the image. Letters: b images, k captions of each, s tokens given, p tokens before them,
/// t = p + s, n states of the image, d width.
/// </summary>
internal sealed class CaptionAttention(Graph g, long heads, long size)
{
    /// <summary>Each token sees itself and those before it. Queries, keys and values [b, k, s, d], queries scaled, to [b, k, s, d] and to keys and values of all t tokens.</summary>
    public (Value Mixed, KeysAndValues Present) OverTokens(Value q, Value k, Value v, KeysAndValues past, Value mask)
    {
        var present = new KeysAndValues(g.Concat(3, past.Key, Heads(k, 0, 1, 3, 2, 4)), g.Concat(3, past.Value, Heads(v, 0, 1, 3, 2, 4))); // [b, k, heads, t, head_dim]
        var scores = g.Add(g.MatMul(Heads(q, 0, 1, 3, 2, 4), g.Transpose(present.Key, 0, 1, 2, 4, 3)), mask); // [b, k, heads, s, t]
        var mixed = g.Transpose(g.MatMul(g.Softmax(scores), present.Value), 0, 1, 3, 2, 4); // [b, k, s, heads, head_dim]
        return (g.Reshape(mixed, q.Shape), present);
    }

    /// <summary>All captions of an image read it in one product. Queries [b, k, s, d], not scaled, to [b, k, s, d].</summary>
    public Value OverImage(Value q, KeysAndValues cross)
    {
        var turned = Heads(q, 0, 3, 1, 2, 4); // [b, heads, k, s, head_dim]
        var rows = g.Reshape(turned, q[0], heads, q[1] * q[2], size); // [b, heads, k · s, head_dim]
        var mixed = g.MatMul(g.Softmax(g.MatMul(rows, cross.Key)), cross.Value); // [b, heads, k · s, head_dim]
        return g.Reshape(g.Transpose(g.Reshape(mixed, turned.Shape), 0, 2, 3, 1, 4), q.Shape); // [b, k, s, d]
    }

    /// <summary>Keys and values [b, n, d] of an image, in the form that <see cref="OverImage"/> reads: keys [b, heads, head_dim, n], scaled by 1/√head_dim, and values [b, heads, n, head_dim].</summary>
    public KeysAndValues OfImage(Value k, Value v) => new(g.Mul(Split(k, 0, 2, 3, 1), Scale()), Split(v, 0, 2, 1, 3));

    /// <summary>1/√head_dim.</summary>
    public Value Scale() => g.Scalar(1f / MathF.Sqrt(size), g.Compute);

    /// <summary>0 where a token may look, the lowest number where it may not: [s, t].</summary>
    public (Value Mask, Value Positions) Causal(Value ids, KeysAndValues past)
    {
        var (length, before) = (ids[2], past.Key[3]);
        var end = g.Add(g.Size(before), g.Size(length));
        var positions = g.Range(g.Size(before), end, length); // [s]
        var seen = g.Compare("LessOrEqual", g.Range(g.Constant(0L), end, before + length), g.Reshape(positions, length, 1));
        return (g.Where(seen, g.Scalar(0, ElementType.Float), g.Scalar(float.MinValue, ElementType.Float)), positions);
    }

    /// <summary>The state of the last token, [b, k, d].</summary>
    public Value Last(Value x) => g.Gather(x, g.Scalar(-1), 2);

    private Value Heads(Value x, params long[] order) => g.Transpose(g.Reshape(x, x[0], x[1], x[2], heads, size), order);

    private Value Split(Value x, params long[] order) => g.Transpose(g.Reshape(x, x[0], x[1], heads, size), order);
}
