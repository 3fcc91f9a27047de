using Sana.GraphBuilder.Configs;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>
/// Mix-FFN (GLUMBConv): 1×1 up, SiLU, 3×3 depthwise, gate, 1×1 down. The 1×1 convolutions are products over tokens; a token's neighbours are seen by the depthwise one alone, which also tells the
/// network where a token is.
/// </summary>
internal sealed class MixFeedForward : nn.Module
{
    private readonly Linear _inverted;
    private readonly Conv2d _depth;
    private readonly Linear _point;

    public MixFeedForward(SanaTransformerConfig config)
        : base(nameof(MixFeedForward))
    {
        long d = config.Width, hidden = config.FeedForwardWidth;
        register_module("conv_inverted", _inverted = Projection.Of(d, 2 * hidden, bias: true));
        register_module("conv_depth", _depth = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding: 1, groups: 2 * hidden));
        register_module("conv_point", _point = Projection.Of(hidden, d));
    }

    /// <summary>[b, n, d] to [b, n, d], n = height · width.</summary>
    public Tensor Forward(Tensor x, long height, long width)
    {
        var (batch, tokens) = (x.shape[0], x.shape[1]);
        x = nn.functional.silu(_inverted.forward(x)); // [b, n, 2·hidden]
        x = x.view(batch, height, width, -1).permute(0, 3, 1, 2); // [b, 2·hidden, h, w], channels last in memory
        x = _depth.forward(x).permute(0, 2, 3, 1).reshape(batch, tokens, -1); // [b, n, 2·hidden]
        var parts = x.chunk(2, -1);
        return _point.forward(parts[0] * nn.functional.silu(parts[1])); // [b, n, d]
    }
}
