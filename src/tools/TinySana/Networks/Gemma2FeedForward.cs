using Sana.GraphBuilder.Configs;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>down(gelu(gate(x)) · up(x)), the gelu by its tanh formula.</summary>
internal sealed class Gemma2FeedForward : nn.Module<Tensor, Tensor>
{
    private readonly Linear _gate;
    private readonly Linear _up;
    private readonly Linear _down;

    public Gemma2FeedForward(Gemma2Config config)
        : base(nameof(Gemma2FeedForward))
    {
        register_module("gate_proj", _gate = Projection.Of(config.HiddenSize, config.IntermediateSize));
        register_module("up_proj", _up = Projection.Of(config.HiddenSize, config.IntermediateSize));
        register_module("down_proj", _down = Projection.Of(config.IntermediateSize, config.HiddenSize));
    }

    public override Tensor forward(Tensor x) => _down.forward(nn.functional.gelu(_gate.forward(x), GELU.Approximate.tanh) * _up.forward(x));
}
