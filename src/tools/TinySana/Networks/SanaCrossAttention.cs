using Sana.GraphBuilder.Configs;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>Softmax attention of the latents' tokens to the text's.</summary>
internal sealed class SanaCrossAttention : nn.Module<Tensor, Tensor, Tensor, Tensor>
{
    private readonly SanaTransformerConfig _config;
    private readonly Linear _q;
    private readonly Linear _k;
    private readonly Linear _v;
    private readonly Linear _out;
    private readonly RmsNorm? _normQ;
    private readonly RmsNorm? _normK;

    public SanaCrossAttention(SanaTransformerConfig config)
        : base(nameof(SanaCrossAttention))
    {
        _config = config;
        var (d, cross) = (config.Width, config.CrossWidth);
        register_module("to_q", _q = Projection.Of(d, cross, bias: true));
        register_module("to_k", _k = Projection.Of(d, cross, bias: true));
        register_module("to_v", _v = Projection.Of(d, cross, bias: true));
        register_module("to_out", new Holder("0", _out = Projection.Silent(cross, d)));
        if (config.QkNorm)
        {
            register_module("norm_q", _normQ = new RmsNorm(cross, 1e-5, 1));
            register_module("norm_k", _normK = new RmsNorm(cross, 1e-5, 1));
        }
    }

    /// <summary>x [b, n, d], caption [b, l, d] and bias [b, 1, 1, l] to [b, n, d].</summary>
    public override Tensor forward(Tensor x, Tensor caption, Tensor bias)
    {
        var q = Heads(Normed(_q.forward(x), _normQ)) / MathF.Sqrt(_config.CrossAttentionHeadDim); // [b, heads, n, head_dim]
        var k = Heads(Normed(_k.forward(caption), _normK)); // [b, heads, l, head_dim]
        var v = Heads(_v.forward(caption));
        var weights = (matmul(q, k.transpose(2, 3)) + bias).softmax(-1); // [b, heads, n, l]
        return _out.forward(matmul(weights, v).transpose(1, 2).flatten(2)); // [b, n, d]
    }

    private Tensor Heads(Tensor x) => x.view(x.shape[0], x.shape[1], _config.NumCrossAttentionHeads, _config.CrossAttentionHeadDim).transpose(1, 2);

    private static Tensor Normed(Tensor x, RmsNorm? norm) => norm is null ? x : norm.forward(x);
}
