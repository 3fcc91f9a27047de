using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Onnx;

namespace Sana.GraphBuilder.Models;

/// <summary>
/// Gemma-2 as a text encoder (arXiv:2408.00118; transformers' Gemma2Model): token ids to the hidden states after the final norm.
/// It is causal and takes the keys and values of the tokens before: a constant instruction is encoded once, and prompts run without padding.
/// Letters: b batch, s tokens given, p tokens before them, t = p + s.
/// </summary>
internal sealed class Gemma2Graph(Graph g, Gemma2Config config)
{
    // What a gate lets through has single large channels. It costs little: prompts are short.
    private const int GateBits = 16;

    /// <summary>Token ids [b, s] after <paramref name="past"/> to hidden states [b, s, hidden] and each layer's keys and values of all t tokens, [b, kv_heads, t, head_dim].</summary>
    public (Value Hidden, KeysAndValues[] Present) Encode(Value ids, KeysAndValues[] past)
    {
        g.Path = "embed_tokens";
        // Gather before Cast: only the rows that are needed are read from the file.
        var x = g.Cast(g.Gather(g.Stored("embed_tokens.weight"), ids, 0), g.Compute); // [b, s, hidden]
        x = g.Module("embed_tokens", g.Mul(x, g.Scalar(MathF.Sqrt(config.HiddenSize), g.Compute)));

        var positions = new Positions(g, ids[1], past[0].Key[2], config);
        var present = new KeysAndValues[config.NumHiddenLayers];
        for (var i = 0; i < config.NumHiddenLayers; i++)
        {
            (x, present[i]) = Layer(x, past[i], positions, positions.Mask(config.SlidingLayers[i]), $"layers.{i}");
            g.Module($"layers.{i}", x);
        }

        return (Norm(x, "norm"), present);
    }

    private (Value X, KeysAndValues Present) Layer(Value x, KeysAndValues past, Positions positions, Value mask, string path)
    {
        g.Path = path;
        var (attended, present) = Attention(Norm(x, $"{path}.input_layernorm"), past, positions, mask, $"{path}.self_attn");
        x = g.Add(x, Norm(attended, $"{path}.post_attention_layernorm"));
        var mixed = FeedForward(Norm(x, $"{path}.pre_feedforward_layernorm"), $"{path}.mlp");
        return (g.Add(x, Norm(mixed, $"{path}.post_feedforward_layernorm")), present);
    }

    private (Value Output, KeysAndValues Present) Attention(Value x, KeysAndValues past, Positions positions, Value mask, string path)
    {
        g.Path = path;
        var (batch, length, all) = (x[0], x[1], past.Key[2] + x[1]);
        long heads = config.NumAttentionHeads, shared = config.NumKeyValueHeads, size = config.HeadDim;
        var q = positions.Rotate(Heads(g.WideLinear(x, $"{path}.q_proj", bias: false), heads)); // [b, heads, s, head_dim]
        var k = positions.Rotate(Heads(g.WideLinear(x, $"{path}.k_proj", bias: false), shared)); // [b, kv_heads, s, head_dim]
        var v = Heads(g.WideLinear(x, $"{path}.v_proj", bias: false), shared);
        var present = new KeysAndValues(g.Concat(2, past.Key, k), g.Concat(2, past.Value, v)); // [b, kv_heads, t, head_dim]

        // Consecutive heads share keys and values, so their queries are rows of one product.
        q = g.Reshape(q, batch, shared, length * (heads / shared), size);
        var scores = g.MatMul(q, g.Transpose(present.Key, 0, 1, 3, 2)); // [b, kv_heads, heads / kv_heads · s, t]
        scores = g.Cast(g.Mul(scores, g.Scalar((float)(1 / Math.Sqrt(config.QueryPreAttnScalar)), scores.Type)), ElementType.Float);
        if (config.AttnLogitSoftcapping is { } cap)
            scores = g.Mul(g.Tanh(g.Div(scores, g.Scalar((float)cap, ElementType.Float))), g.Scalar((float)cap, ElementType.Float));

        scores = g.Add(g.Reshape(scores, batch, heads, length, all), mask);
        var weights = g.Reshape(g.Cast(g.Softmax(scores), g.Compute), batch, shared, length * (heads / shared), all);
        var mixed = g.Reshape(g.MatMul(weights, present.Value), batch, heads, length, size); // [b, heads, s, head_dim]
        mixed = g.Reshape(g.Transpose(mixed, 0, 2, 1, 3), batch, length, heads * size);
        return (g.WideLinear(mixed, $"{path}.o_proj", bias: false), present);
    }

    private Value FeedForward(Value x, string path)
    {
        g.Path = path;
        var gate = g.GeluTanh(g.WideLinear(x, $"{path}.gate_proj", bias: false)); // [b, s, intermediate]
        return g.WideLinear(g.Mul(gate, g.WideLinear(x, $"{path}.up_proj", bias: false)), $"{path}.down_proj", bias: false, bits: GateBits);
    }

    // Gemma stores the scale minus one.
    private Value Norm(Value x, string path)
    {
        var scale = g.Add(g.Weight($"{path}.weight", ElementType.Float), g.Scalar(1, ElementType.Float));
        return g.RmsNorm(x, scale, (float)config.RmsNormEps);
    }

    private Value Heads(Value x, long heads) => g.Transpose(g.Reshape(x, x[0], x[1], heads, config.HeadDim), 0, 2, 1, 3);

    /// <summary>What depends on the position of a token: rotary embedding (RoPE, arXiv:2104.09864) and the causal masks.</summary>
    private sealed class Positions
    {
        private readonly Graph _g;
        private readonly Value _cos; // [s, head_dim / 2]
        private readonly Value _sin;
        private readonly Value _causal; // [s, t]
        private readonly Value _window;

        public Positions(Graph g, Dim length, Dim past, Gemma2Config config)
        {
            _g = g;
            g.Path = "rotary_emb";
            var end = g.Add(g.Size(past), g.Size(length));
            var query = g.Range(g.Size(past), end, length); // [s]
            var key = g.Range(g.Constant(0L), end, past + length); // [t]
            // As in transformers, the power is rounded to float32 before it is inverted, and the angles are float32.
            var inverse = Enumerable.Range(0, config.HeadDim / 2)
                .Select(i => 1f / (float)Math.Pow(config.RopeTheta, 2f * i / config.HeadDim)).ToArray();
            var angles = g.Mul(g.Cast(g.Reshape(query, length, 1), ElementType.Float), g.Constant(inverse, 1, inverse.Length));
            (_cos, _sin) = (g.Cast(g.Cos(angles), g.Compute), g.Cast(g.Sin(angles), g.Compute));

            var rows = g.Reshape(query, length, 1);
            var seen = g.Compare("LessOrEqual", key, rows);
            _causal = Masked(seen);
            _window = Masked(g.And(seen, g.Compare("Less", g.Sub(rows, key), g.Scalar((long)config.SlidingWindow))));
        }

        public Value Mask(bool sliding) => sliding ? _window : _causal;

        // x · cos + (−second half, first half) · sin
        public Value Rotate(Value x)
        {
            var halves = _g.Split(x, 3, 2);
            var first = _g.Sub(_g.Mul(halves[0], _cos), _g.Mul(halves[1], _sin));
            var second = _g.Add(_g.Mul(halves[1], _cos), _g.Mul(halves[0], _sin));
            return _g.Concat(3, first, second);
        }

        private Value Masked(Value seen) =>
            _g.Where(seen, _g.Scalar(0, ElementType.Float), _g.Scalar(float.MinValue, ElementType.Float));
    }
}
