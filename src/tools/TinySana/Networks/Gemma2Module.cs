using Sana.GraphBuilder.Configs;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>
/// Gemma-2 (arXiv:2408.00118; transformers' Gemma2Model) with its tensor names. Letters in shapes: b batch, s given tokens, p past tokens, t = p + s.
/// </summary>
internal sealed class Gemma2Module : nn.Module
{
    private readonly Gemma2Config _config;
    private readonly Embedding _embedTokens;
    private readonly Gemma2Layer[] _layers;
    private readonly RmsNorm _norm;

    public Gemma2Module(Gemma2Config config)
        : base(nameof(Gemma2Module))
    {
        _config = config;
        register_module("embed_tokens", _embedTokens = nn.Embedding(config.VocabSize, config.HiddenSize));
        nn.init.normal_(_embedTokens.weight!, 0, 1 / Math.Sqrt(config.HiddenSize));
        _layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(_ => new Gemma2Layer(config))];
        register_module("layers", nn.ModuleList(_layers));
        register_module("norm", _norm = new RmsNorm(config.HiddenSize, config.RmsNormEps, stored: 0, offset: 1));
    }

    /// <summary>Token ids [b, s] to hidden states [b, s, hidden] after the final norm.</summary>
    public Tensor Encode(Tensor ids) => Encode(ids, []).Hidden;

    /// <summary>
    /// The same for ids that follow cached ones; it also returns the keys and values of all t tokens. A cache of batch 1 is used for every sample.
    /// </summary>
    public (Tensor Hidden, PastKeyValue[] Present) Encode(Tensor ids, PastKeyValue[] past)
    {
        var (length, before) = (ids.shape[1], past.Length == 0 ? 0 : past[0].Key.shape[2]);
        var positions = Positions(length, before);
        var x = _embedTokens.forward(ids) * MathF.Sqrt(_config.HiddenSize); // [b, s, hidden]
        var present = new PastKeyValue[_layers.Length];
        for (var i = 0; i < _layers.Length; i++)
            (x, present[i]) = _layers[i].Forward(x, past.Length == 0 ? null : past[i], positions);
        return (_norm.forward(x), present);
    }

    /// <summary>
    /// Hidden states [n, hidden] to the logits of the next tokens [n, vocabulary], with the weights of the token embedding. Only training uses them.
    /// </summary>
    public Tensor Logits(Tensor hidden)
    {
        const float cap = 30; // final_logit_softcapping
        return tanh(nn.functional.linear(hidden, _embedTokens.weight!) / cap) * cap;
    }

    private TokenPositions Positions(long length, long before)
    {
        if (before + length > _config.SlidingWindow)
            throw new ArgumentException($"{before + length} tokens do not fit the sliding window of {_config.SlidingWindow}, within which both kinds of layer see the same.");
        var inverse = Enumerable.Range(0, _config.HeadDim / 2).Select(i => 1f / (float)Math.Pow(_config.RopeTheta, 2f * i / _config.HeadDim)).ToArray();
        var query = arange(before, before + length, dtype: float32).unsqueeze(1); // [s, 1]
        var angles = query * tensor(inverse); // [s, head_dim / 2]
        var key = arange(before + length, dtype: float32); // [t]
        return new(angles.cos(), angles.sin(), zeros(length, before + length).masked_fill_(key > query, float.MinValue)); // mask: [s, t]
    }
}

/// <summary>Keys and values of one layer, [b, kv_heads, tokens, head_dim].</summary>
internal readonly record struct PastKeyValue(Tensor Key, Tensor Value);

/// <summary>What depends on a token's position: cosines and sines [s, head_dim / 2], and the additive causal mask [s, t].</summary>
internal readonly record struct TokenPositions(Tensor Cos, Tensor Sin, Tensor Mask);

/// <summary>One layer of Gemma-2: grouped-query attention with soft-capped scores and a gated feed-forward, with a norm before and after each.</summary>
internal sealed class Gemma2Layer : nn.Module
{
    private readonly RmsNorm _input, _postAttention, _preFeedforward, _postFeedforward;
    private readonly Gemma2Attention _attention;
    private readonly Gemma2FeedForward _mlp;

    public Gemma2Layer(Gemma2Config config)
        : base(nameof(Gemma2Layer))
    {
        // A small scale of the norm at the end of each branch keeps the layer near the identity in the first steps. The scale is 1 + stored.
        var branch = (float)(1 / Math.Sqrt(2 * config.NumHiddenLayers)) - 1;
        register_module("input_layernorm", _input = Norm(0));
        register_module("self_attn", _attention = new Gemma2Attention(config));
        register_module("post_attention_layernorm", _postAttention = Norm(branch));
        register_module("pre_feedforward_layernorm", _preFeedforward = Norm(0));
        register_module("mlp", _mlp = new Gemma2FeedForward(config));
        register_module("post_feedforward_layernorm", _postFeedforward = Norm(branch));

        RmsNorm Norm(float stored) => new(config.HiddenSize, config.RmsNormEps, stored, offset: 1);
    }

    public (Tensor X, PastKeyValue Present) Forward(Tensor x, PastKeyValue? past, TokenPositions positions)
    {
        var (attended, present) = _attention.Forward(_input.forward(x), past, positions);
        x = x + _postAttention.forward(attended);
        return (x + _postFeedforward.forward(_mlp.forward(_preFeedforward.forward(x))), present);
    }
}

/// <summary>Causal attention with rotary position embeddings. Consecutive query heads share one head of keys and values.</summary>
internal sealed class Gemma2Attention : nn.Module
{
    private readonly Gemma2Config _config;
    private readonly Linear _q, _k, _v, _o;

    public Gemma2Attention(Gemma2Config config)
        : base(nameof(Gemma2Attention))
    {
        _config = config;
        register_module("q_proj", _q = LinearLayer.Create(config.HiddenSize, config.QueryWidth));
        register_module("k_proj", _k = LinearLayer.Create(config.HiddenSize, config.KeyValueWidth));
        register_module("v_proj", _v = LinearLayer.Create(config.HiddenSize, config.KeyValueWidth));
        register_module("o_proj", _o = LinearLayer.Create(config.QueryWidth, config.HiddenSize));
    }

    public (Tensor Output, PastKeyValue Present) Forward(Tensor x, PastKeyValue? past, TokenPositions positions)
    {
        var (batch, length) = (x.shape[0], x.shape[1]);
        long heads = _config.NumAttentionHeads, shared = _config.NumKeyValueHeads, size = _config.HeadDim;
        var q = Rotate(Heads(_q.forward(x), heads), positions); // [b, heads, s, head_dim]
        var k = Rotate(Heads(_k.forward(x), shared), positions); // [b, kv_heads, s, head_dim]
        var v = Heads(_v.forward(x), shared);
        if (past is { } before)
            (k, v) = (cat([before.Key.expand(batch, -1, -1, -1), k], 2), cat([before.Value.expand(batch, -1, -1, -1), v], 2)); // [b, kv_heads, t, head_dim]

        // The queries of heads that share keys and values become rows of one matrix product.
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
    private static Tensor Rotate(Tensor x, TokenPositions at)
    {
        var halves = x.chunk(2, -1);
        return cat([(halves[0] * at.Cos) - (halves[1] * at.Sin), (halves[1] * at.Cos) + (halves[0] * at.Sin)], -1);
    }
}

/// <summary>down(gelu(gate(x)) · up(x)), with the tanh approximation of GELU.</summary>
internal sealed class Gemma2FeedForward : nn.Module<Tensor, Tensor>
{
    private readonly Linear _gate, _up, _down;

    public Gemma2FeedForward(Gemma2Config config)
        : base(nameof(Gemma2FeedForward))
    {
        register_module("gate_proj", _gate = LinearLayer.Create(config.HiddenSize, config.IntermediateSize));
        register_module("up_proj", _up = LinearLayer.Create(config.HiddenSize, config.IntermediateSize));
        register_module("down_proj", _down = LinearLayer.Create(config.IntermediateSize, config.HiddenSize));
    }

    public override Tensor forward(Tensor x) => _down.forward(nn.functional.gelu(_gate.forward(x), GELU.Approximate.tanh) * _up.forward(x));
}
