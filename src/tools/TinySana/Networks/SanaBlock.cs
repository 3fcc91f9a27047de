using Sana.GraphBuilder.Configs;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>
/// One block: linear attention over the latents, cross-attention to the text, Mix-FFN. The timestep modulates and gates the first and the last.
/// </summary>
internal sealed class SanaBlock : nn.Module
{
    private readonly double _eps;
    private readonly Parameter _scaleShift;
    private readonly SanaLinearAttention _attn1;
    private readonly SanaCrossAttention _attn2;
    private readonly MixFeedForward _ff;

    public SanaBlock(SanaTransformerConfig config)
        : base(nameof(SanaBlock))
    {
        _eps = config.NormEps;
        register_parameter("scale_shift_table", _scaleShift = new Parameter(randn(6, config.Width) / MathF.Sqrt(config.Width)));
        register_module("attn1", _attn1 = new SanaLinearAttention(config));
        register_module("attn2", _attn2 = new SanaCrossAttention(config));
        register_module("ff", _ff = new MixFeedForward(config));
    }

    /// <param name="x">States of the latents' tokens [b, n, d].</param>
    /// <param name="time">Modulations of the timestep [b, 6, d].</param>
    /// <param name="caption">States of the text [b, l, d].</param>
    /// <param name="bias">Added to the scores, [b, 1, 1, l]: 0 for text tokens, −10,000 for padding.</param>
    /// <param name="height">Height of the latents.</param>
    /// <param name="width">Width of the latents: n / height.</param>
    public Tensor Forward(Tensor x, Tensor time, Tensor caption, Tensor bias, long height, long width)
    {
        var m = (_scaleShift + time).chunk(6, 1); // 6 × [b, 1, d]
        var (shiftAttention, scaleAttention, gateAttention) = (m[0], m[1], m[2]);
        var (shiftMlp, scaleMlp, gateMlp) = (m[3], m[4], m[5]);

        x = x + (gateAttention * _attn1.Forward(Modulate(x, shiftAttention, scaleAttention, _eps)));
        x = x + _attn2.Forward(x, caption, bias); // no norm, no gate
        return x + (gateMlp * _ff.Forward(Modulate(x, shiftMlp, scaleMlp, _eps), height, width));
    }

    public static Tensor Modulate(Tensor x, Tensor shift, Tensor scale, double eps) =>
        (nn.functional.layer_norm(x, [x.shape[^1]], eps: eps) * (1 + scale)) + shift;
}

/// <summary>ReLU linear attention (equation 2 of the paper): (relu(q) · relu(k)ᵀv) / (relu(q) · Σ relu(k)).</summary>
internal sealed class SanaLinearAttention(SanaTransformerConfig config) : SanaAttention(
    nameof(SanaLinearAttention), config.Width, config.Width, config.NumAttentionHeads, bias: false, config.QkNorm, LinearLayer.Create(config.Width, config.Width, bias: true))
{
    private const float Epsilon = 1e-15f;

    /// <summary>[b, n, d] to [b, n, d].</summary>
    public Tensor Forward(Tensor x)
    {
        var (q, k) = (nn.functional.relu(Queries(x)), nn.functional.relu(Keys(x))); // [b, heads, n, head_dim]
        var sums = matmul(q, k.sum(2, keepdim: true).transpose(2, 3)) + Epsilon; // [b, heads, n, 1]
        return Out(matmul(q, matmul(k.transpose(2, 3), Values(x))) / sums); // [b, n, d]
    }
}

/// <summary>Softmax attention from the latents' tokens to the text's tokens.</summary>
internal sealed class SanaCrossAttention(SanaTransformerConfig config) : SanaAttention(
    nameof(SanaCrossAttention), config.Width, config.CrossWidth, config.NumCrossAttentionHeads, bias: true, config.QkNorm, LinearLayer.CreateZero(config.CrossWidth, config.Width))
{
    /// <summary>x [b, n, d], caption [b, l, d] and bias [b, 1, 1, l] to [b, n, d].</summary>
    public Tensor Forward(Tensor x, Tensor caption, Tensor bias)
    {
        var q = Queries(x) / MathF.Sqrt(config.CrossAttentionHeadDim); // [b, heads, n, head_dim]
        var weights = (matmul(q, Keys(caption).transpose(2, 3)) + bias).softmax(-1); // [b, heads, n, l]
        return Out(matmul(weights, Values(caption))); // [b, n, d]
    }
}

/// <summary>The common part of both attentions of a block: four projections with their tensor names, optional norms of queries and keys, and heads.</summary>
internal abstract class SanaAttention : nn.Module
{
    private readonly int _heads;
    private readonly Linear _q, _k, _v, _out;
    private readonly RmsNorm? _normQ, _normK;

    /// <param name="name">Name of the module.</param>
    /// <param name="width">Width of the input.</param>
    /// <param name="inner">Width of all heads together.</param>
    /// <param name="heads">Number of heads.</param>
    /// <param name="bias">Whether the projections to queries, keys and values have a bias.</param>
    /// <param name="normed">Whether queries and keys have an RMS norm.</param>
    /// <param name="output">The output projection, inner to width.</param>
    protected SanaAttention(string name, int width, int inner, int heads, bool bias, bool normed, Linear output)
        : base(name)
    {
        _heads = heads;
        register_module("to_q", _q = LinearLayer.Create(width, inner, bias));
        register_module("to_k", _k = LinearLayer.Create(width, inner, bias));
        register_module("to_v", _v = LinearLayer.Create(width, inner, bias));
        register_module("to_out", new NameScope("0", _out = output));
        if (normed)
        {
            register_module("norm_q", _normQ = new RmsNorm(inner, 1e-5, 1));
            register_module("norm_k", _normK = new RmsNorm(inner, 1e-5, 1));
        }
    }

    /// <summary>[b, n, d] to [b, heads, n, head_dim].</summary>
    protected Tensor Queries(Tensor x) => Heads(Normalize(_q.call(x), _normQ));

    /// <inheritdoc cref="Queries"/>
    protected Tensor Keys(Tensor x) => Heads(Normalize(_k.call(x), _normK));

    /// <inheritdoc cref="Queries"/>
    protected Tensor Values(Tensor x) => Heads(_v.call(x));

    /// <summary>[b, heads, n, head_dim] to [b, n, d].</summary>
    protected Tensor Out(Tensor mixed) => _out.call(mixed.transpose(1, 2).flatten(2));

    private Tensor Heads(Tensor x) => x.view(x.shape[0], x.shape[1], _heads, -1).transpose(1, 2);

    private static Tensor Normalize(Tensor x, RmsNorm? norm) => norm is null ? x : norm.forward(x);
}

/// <summary>
/// Mix-FFN (diffusers' GLUMBConv): 1×1 up, SiLU, 3×3 depthwise, gate, 1×1 down. The 1×1 convolutions are computed as matrix products over tokens.
/// Only the depthwise convolution mixes neighbouring tokens.
/// </summary>
internal sealed class MixFeedForward : nn.Module
{
    private readonly Linear _inverted, _point;
    private readonly Conv2d _depth;

    public MixFeedForward(SanaTransformerConfig config)
        : base(nameof(MixFeedForward))
    {
        long d = config.Width, hidden = config.FeedForwardWidth;
        register_module("conv_inverted", _inverted = LinearLayer.Create(d, 2 * hidden, bias: true));
        register_module("conv_depth", _depth = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding: 1, groups: 2 * hidden));
        register_module("conv_point", _point = LinearLayer.Create(hidden, d));
    }

    /// <summary>[b, n, d] to [b, n, d], n = height · width.</summary>
    public Tensor Forward(Tensor x, long height, long width)
    {
        var (batch, tokens) = (x.shape[0], x.shape[1]);
        x = nn.functional.silu(_inverted.call(x)); // [b, n, 2·hidden]
        x = x.view(batch, height, width, -1).permute(0, 3, 1, 2); // [b, 2·hidden, h, w], channels last in memory
        x = _depth.forward(x).permute(0, 2, 3, 1).reshape(batch, tokens, -1); // [b, n, 2·hidden]
        var parts = x.chunk(2, -1);
        return _point.call(parts[0] * nn.functional.silu(parts[1])); // [b, n, d]
    }
}
