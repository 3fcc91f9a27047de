using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>A gated linear unit around a depthwise convolution at four times the width, with norm and residual.</summary>
internal sealed class GLUMBConv : nn.Module<Tensor, Tensor>
{
    private const int Expansion = 4;

    private readonly Conv2d _inverted, _depth, _point;
    private readonly RmsNorm2d _norm;

    public GLUMBConv(long channels) : base(nameof(GLUMBConv))
    {
        var hidden = 2 * Expansion * channels;
        register_module("conv_inverted", _inverted = nn.Conv2d(channels, hidden, 1));
        register_module("conv_depth", _depth = nn.Conv2d(hidden, hidden, 3, padding: 1, groups: hidden));
        register_module("conv_point", _point = nn.Conv2d(hidden / 2, channels, 1, bias: false));
        register_module("norm", _norm = new RmsNorm2d(channels, weight: 0.5));
    }

    public override Tensor forward(Tensor x)
    {
        var parts = _depth.call(nn.functional.silu(_inverted.call(x))).chunk(2, 1); // 2 · [b, 4c, h, w]
        return x + _norm.call(_point.call(parts[0] * nn.functional.silu(parts[1])));
    }
}
