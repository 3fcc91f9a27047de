using Sana.GraphBuilder.Configs;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>Causal attention with rotary positions; consecutive query heads share one head of keys and values.</summary>
internal sealed class Gemma2Attention : nn.Module
{
    private readonly Gemma2Config _config;
    private readonly Linear _q;
    private readonly Linear _k;
    private readonly Linear _v;
    private readonly Linear _o;

    public Gemma2Attention(Gemma2Config config)
        : base(nameof(Gemma2Attention))
    {
        _config = config;
        register_module("q_proj", _q = Projection.Of(config.HiddenSize, config.QueryWidth));
        register_module("k_proj", _k = Projection.Of(config.HiddenSize, config.KeyValueWidth));
        register_module("v_proj", _v = Projection.Of(config.HiddenSize, config.KeyValueWidth));
        register_module("o_proj", _o = Projection.Of(config.QueryWidth, config.HiddenSize));
    }

    public (Tensor Output, Gemma2.KeyValue Present) Forward(Tensor x, Gemma2.KeyValue? past, Gemma2Layer.Rotation positions)
    {
        var (batch, length) = (x.shape[0], x.shape[1]);
        long heads = _config.NumAttentionHeads, shared = _config.NumKeyValueHeads, size = _config.HeadDim;
        var q = Rotate(Heads(_q.forward(x), heads), positions); // [b, heads, s, head_dim]
        var k = Rotate(Heads(_k.forward(x), shared), positions); // [b, kv_heads, s, head_dim]
        var v = Heads(_v.forward(x), shared);
        if (past is { } before)
            (k, v) = (cat([before.Key.expand(batch, -1, -1, -1), k], 2), cat([before.Value.expand(batch, -1, -1, -1), v], 2)); // [b, kv_heads, t, head_dim]

        // Consecutive heads share keys and values, so their queries stack up as rows of one product.
        q = (q * (float)(1 / Math.Sqrt(_config.QueryPreAttnScalar))).reshape(batch, shared, heads / shared * length, size);
        var scores = matmul(q, k.transpose(2, 3)).view(batch, heads, length, -1); // [b, heads, s, t]
        if (_config.AttnLogitSoftcapping is { } cap)
            scores = tanh(scores / cap) * cap;
        var weights = (scores + positions.Mask).softmax(-1).view(batch, shared, heads / shared * length, -1);
        var mixed = matmul(weights, v).view(batch, heads, length, size).transpose(1, 2).reshape(batch, length, heads * size); // [b, s, heads · head_dim]
        return (_o.forward(mixed), new(k, v));
    }

    private Tensor Heads(Tensor x, long heads) => x.view(x.shape[0], x.shape[1], heads, _config.HeadDim).transpose(1, 2);

    // x · cos + (−second half, first half) · sin
    private static Tensor Rotate(Tensor x, Gemma2Layer.Rotation at)
    {
        var halves = x.chunk(2, -1);
        return cat([(halves[0] * at.Cos) - (halves[1] * at.Sin), (halves[1] * at.Cos) + (halves[0] * at.Sin)], -1);
    }
}
