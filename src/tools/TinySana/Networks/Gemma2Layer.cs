using Sana.GraphBuilder.Configs;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>One layer of Gemma-2: attention with shared keys and capped scores, a gated feed-forward, and a norm before and after each.</summary>
internal sealed class Gemma2Layer : nn.Module
{
    private readonly RmsNorm _input;
    private readonly Gemma2Attention _attention;
    private readonly RmsNorm _postAttention;
    private readonly RmsNorm _preFeedforward;
    private readonly Gemma2FeedForward _mlp;
    private readonly RmsNorm _postFeedforward;

    public Gemma2Layer(Gemma2Config config)
        : base(nameof(Gemma2Layer))
    {
        // A branch ends in a norm, so its scale is what keeps the first steps near the identity: 1 + stored, the same for every layer.
        var branch = (float)(1 / Math.Sqrt(2 * config.NumHiddenLayers)) - 1;
        _input = Norm(0);
        _attention = new Gemma2Attention(config);
        _postAttention = Norm(branch);
        _preFeedforward = Norm(0);
        _mlp = new Gemma2FeedForward(config);
        _postFeedforward = Norm(branch);
        register_module("input_layernorm", _input);
        register_module("self_attn", _attention);
        register_module("post_attention_layernorm", _postAttention);
        register_module("pre_feedforward_layernorm", _preFeedforward);
        register_module("mlp", _mlp);
        register_module("post_feedforward_layernorm", _postFeedforward);

        RmsNorm Norm(float stored) => new(config.HiddenSize, config.RmsNormEps, stored, offset: 1);
    }

    /// <summary>What depends on where a token stands: cosines and sines [s, head_dim / 2] and the additive causal mask [s, t].</summary>
    public readonly record struct Rotation(Tensor Cos, Tensor Sin, Tensor Mask);

    public (Tensor X, Gemma2.KeyValue Present) Forward(Tensor x, Gemma2.KeyValue? past, Rotation positions)
    {
        var (attended, present) = _attention.Forward(_input.forward(x), past, positions);
        x = x + _postAttention.forward(attended);
        return (x + _postFeedforward.forward(_mlp.forward(_preFeedforward.forward(x))), present);
    }
}
