using Sana.GraphBuilder.Configs;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>ReLU linear attention (equation 2 of the paper): (relu(q) · relu(k)ᵀv) / (relu(q) · Σ relu(k)).</summary>
internal sealed class SanaLinearAttention : nn.Module<Tensor, Tensor>
{
    private const float Epsilon = 1e-15f;

    private readonly SanaTransformerConfig _config;
    private readonly Linear _q;
    private readonly Linear _k;
    private readonly Linear _v;
    private readonly Linear _out;
    private readonly RmsNorm? _normQ;
    private readonly RmsNorm? _normK;

    public SanaLinearAttention(SanaTransformerConfig config)
        : base(nameof(SanaLinearAttention))
    {
        _config = config;
        var d = config.Width;
        register_module("to_q", _q = Projection.Of(d, d));
        register_module("to_k", _k = Projection.Of(d, d));
        register_module("to_v", _v = Projection.Of(d, d));
        register_module("to_out", new Holder("0", _out = Projection.Of(d, d, bias: true)));
        if (config.QkNorm)
        {
            register_module("norm_q", _normQ = new RmsNorm(d, 1e-5, 1));
            register_module("norm_k", _normK = new RmsNorm(d, 1e-5, 1));
        }
    }

    public override Tensor forward(Tensor x)
    {
        var q = Heads(nn.functional.relu(Normed(_q.forward(x), _normQ))); // [b, heads, n, 32]
        var k = Heads(nn.functional.relu(Normed(_k.forward(x), _normK)));
        var v = Heads(_v.forward(x));
        var sums = matmul(q, k.sum(2, keepdim: true).transpose(2, 3)) + Epsilon; // [b, heads, n, 1]
        var mixed = matmul(q, matmul(k.transpose(2, 3), v)) / sums; // [b, heads, n, 32]
        return _out.forward(mixed.transpose(1, 2).flatten(2)); // [b, n, d]
    }

    private Tensor Heads(Tensor x) => x.view(x.shape[0], x.shape[1], _config.NumAttentionHeads, _config.AttentionHeadDim).transpose(1, 2);

    private static Tensor Normed(Tensor x, RmsNorm? norm) => norm is null ? x : norm.forward(x);
}
