using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>x / √(mean(x²) + ε) over the last axis, times a scale that is stored less an offset (1 for Gemma).</summary>
internal sealed class RmsNorm : nn.Module<Tensor, Tensor>
{
    private readonly Parameter _weight;
    private readonly double _eps;
    private readonly float _offset;

    public RmsNorm(long width, double eps, float stored, float offset = 0)
        : base(nameof(RmsNorm))
    {
        _weight = new Parameter(full(width, stored));
        (_eps, _offset) = (eps, offset);
        register_parameter("weight", _weight);
    }

    public override Tensor forward(Tensor x)
    {
        var scale = _offset == 0 ? _weight : _weight + _offset;
        return x * rsqrt(x.square().mean([-1], keepdim: true) + _eps) * scale;
    }
}
