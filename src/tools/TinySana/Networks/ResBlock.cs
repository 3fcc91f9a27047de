using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>Two convolutions and a norm beside the identity.</summary>
internal sealed class ResBlock : nn.Module<Tensor, Tensor>
{
    private readonly Conv2d _conv1, _conv2;
    private readonly RmsNorm2d _norm;

    public ResBlock(long channels) : base(nameof(ResBlock))
    {
        register_module("conv1", _conv1 = nn.Conv2d(channels, channels, 3, padding: 1));
        register_module("conv2", _conv2 = nn.Conv2d(channels, channels, 3, padding: 1, bias: false));
        register_module("norm", _norm = new RmsNorm2d(channels, weight: 0.5));
    }

    public override Tensor forward(Tensor x) => x + _norm.call(_conv2.call(nn.functional.silu(_conv1.call(x))));
}
