using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>Linear attention over all pixels, then a gated convolution, each beside the identity.</summary>
internal sealed class EfficientViTBlock : nn.Module<Tensor, Tensor>
{
    private readonly MultiscaleLinearAttention _attention;
    private readonly GLUMBConv _convOut;

    public EfficientViTBlock(long channels, long headDim) : base(nameof(EfficientViTBlock))
    {
        register_module("attn", _attention = new MultiscaleLinearAttention(channels, headDim));
        register_module("conv_out", _convOut = new GLUMBConv(channels));
    }

    public override Tensor forward(Tensor x) => _convOut.call(_attention.call(x));
}
