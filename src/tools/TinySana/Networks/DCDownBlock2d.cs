using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>
/// Half the sides: a convolution of stride 2, beside the four pixels of each square as channels, averaged in groups. That average is a convolution with constant weights,
/// so both are one.
/// </summary>
internal sealed class DCDownBlock2d : nn.Module<Tensor, Tensor>
{
    private readonly Conv2d _conv;
    private readonly Tensor _shortcut;

    public DCDownBlock2d(long from, long to) : base(nameof(DCDownBlock2d))
    {
        register_module("conv", _conv = nn.Conv2d(from, to, 3, stride: 2, padding: 1));

        // Pixel (dy, dx) of channel c is channel 4c + 2dy + dx of the squares and lies at (dy + 1, dx + 1) of the kernel.
        using var square = Channels.Groups(4 * from, to).view(to, from, 2, 2);
        _shortcut = nn.functional.pad(square, [1, 0, 1, 0]).DetachFromDisposeScope(); // [to, from, 3, 3]
    }

    public override Tensor forward(Tensor x) =>
        nn.functional.conv2d(x, _conv.weight! + _shortcut, _conv.bias, strides: [2, 2], padding: [1, 1]); // [b, to, h / 2, w / 2]
}
