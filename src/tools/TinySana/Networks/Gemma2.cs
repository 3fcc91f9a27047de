using Sana.GraphBuilder.Configs;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>
/// Gemma-2 (arXiv:2408.00118; transformers' Gemma2Model) with the checkpoint's names. Letters: b batch, s tokens given, p tokens before them, t = p + s.
/// </summary>
internal sealed class Gemma2 : nn.Module
{
    private readonly Gemma2Config _config;
    private readonly Embedding _embedTokens;
    private readonly Gemma2Layer[] _layers;
    private readonly RmsNorm _norm;

    public Gemma2(Gemma2Config config)
        : base(nameof(Gemma2))
    {
        _config = config;
        _embedTokens = nn.Embedding(config.VocabSize, config.HiddenSize);
        nn.init.normal_(_embedTokens.weight!, 0, 1 / Math.Sqrt(config.HiddenSize));
        _layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(_ => new Gemma2Layer(config))];
        _norm = new RmsNorm(config.HiddenSize, config.RmsNormEps, stored: 0, offset: 1);
        register_module("embed_tokens", _embedTokens);
        register_module("layers", nn.ModuleList(_layers));
        register_module("norm", _norm);
    }

    /// <summary>Keys and values of one layer, [b, kv_heads, tokens, head_dim].</summary>
    public readonly record struct KeyValue(Tensor Key, Tensor Value);

    /// <summary>Token ids [b, s] to hidden states [b, s, hidden] after the final norm.</summary>
    public Tensor Encode(Tensor ids) => Encode(ids, []).Hidden;

    /// <summary>The same for ids that follow others, and the keys and values of all t tokens. A past of batch 1 serves every sample.</summary>
    public (Tensor Hidden, KeyValue[] Present) Encode(Tensor ids, KeyValue[] past)
    {
        var (length, before) = (ids.shape[1], past.Length == 0 ? 0 : past[0].Key.shape[2]);
        var positions = Positions(length, before);
        var x = _embedTokens.forward(ids) * MathF.Sqrt(_config.HiddenSize); // [b, s, hidden]
        var present = new KeyValue[_layers.Length];
        for (var i = 0; i < _layers.Length; i++)
            (x, present[i]) = _layers[i].Forward(x, past.Length == 0 ? null : past[i], positions);
        return (_norm.forward(x), present);
    }

    /// <summary>Hidden states [n, hidden] to the next token's logits [n, vocabulary], by the embedding's own rows; only training needs them.</summary>
    public Tensor Logits(Tensor hidden)
    {
        const float cap = 30; // final_logit_softcapping
        return tanh(nn.functional.linear(hidden, _embedTokens.weight!) / cap) * cap;
    }

    private Gemma2Layer.Rotation Positions(long length, long before)
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
