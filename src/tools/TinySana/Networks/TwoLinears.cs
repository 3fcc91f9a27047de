using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>linear_2(act(linear_1(x))): how Sana embeds captions (GELU by its tanh formula) and timesteps (SiLU).</summary>
internal sealed class TwoLinears : nn.Module<Tensor, Tensor>
{
    private readonly Linear _first;
    private readonly Linear _second;
    private readonly Func<Tensor, Tensor> _act;

    public TwoLinears(long from, long width, Func<Tensor, Tensor> act)
        : base(nameof(TwoLinears))
    {
        _act = act;
        register_module("linear_1", _first = Projection.Of(from, width, bias: true));
        register_module("linear_2", _second = Projection.Of(width, width, bias: true));
    }

    public override Tensor forward(Tensor x) => _second.forward(_act(_first.forward(x)));
}
