using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>Linear layers with initial weights by Xavier's uniform distribution and a bias of 0.</summary>
internal static class LinearLayer
{
    public static Linear Create(long from, long to, bool bias = false)
    {
        var linear = nn.Linear(from, to, hasBias: bias);
        nn.init.xavier_uniform_(linear.weight!);
        if (bias)
            nn.init.zeros_(linear.bias!);
        return linear;
    }

    /// <summary>A layer with zero weights, for a branch that adds nothing at the start.</summary>
    public static Linear CreateZero(long from, long to)
    {
        var linear = Create(from, to, bias: true);
        nn.init.zeros_(linear.weight!);
        return linear;
    }
}

/// <summary>x / √(mean(x²) + ε) over the last axis, times a scale: the stored weight plus an offset (1 for Gemma).</summary>
internal sealed class RmsNorm : nn.Module<Tensor, Tensor>
{
    private readonly Parameter _weight;
    private readonly double _eps;
    private readonly float _offset;

    public RmsNorm(long width, double eps, float stored, float offset = 0)
        : base(nameof(RmsNorm))
    {
        (_eps, _offset) = (eps, offset);
        register_parameter("weight", _weight = new Parameter(full(width, stored)));
    }

    public override Tensor forward(Tensor x)
    {
        var scale = _offset == 0 ? _weight : _weight + _offset;
        return x * rsqrt(x.square().mean([-1], keepdim: true) + _eps) * scale;
    }
}
