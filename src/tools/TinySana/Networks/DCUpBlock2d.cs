using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>
/// Twice the sides: a convolution of the picture with every pixel doubled, beside channels repeated and laid out as squares of pixels. Both are computed as one convolution of
/// the small picture, which makes the four pixels of a square at once.
/// </summary>
internal sealed class DCUpBlock2d : nn.Module<Tensor, Tensor>
{
    // Row 2y + d of the large picture takes rows 2y + d - 1, 2y + d and 2y + d + 1 of the doubled one, which are rows of the small one at these offsets from y - 1: [d, offset, tap].
    private static readonly float[] Taps = [1, 0, 0, 0, 1, 1, 0, 0, 0, /**/ 0, 0, 0, 1, 1, 0, 0, 0, 1];

    private readonly Conv2d _conv;
    private readonly Tensor _taps, _shortcut;
    private readonly long _inChannels, _outChannels;

    public DCUpBlock2d(long from, long to) : base(nameof(DCUpBlock2d))
    {
        (_inChannels, _outChannels) = (from, to);
        register_module("conv", _conv = nn.Conv2d(from, to, 3, padding: 1));

        using var scope = NewDisposeScope();
        var rows = tensor(Taps).view(2, 1, 3, 1, 3, 1);                                                    // [dy, 1, y, 1, ky, 1]
        _taps = (rows * rows.view(1, 2, 1, 3, 1, 3)).view(4 * 9, 9).DetachFromDisposeScope();              // [dy · dx · y · x, ky · kx]
        var squares = Channels.Groups(4 * to, from).mul(4 * to / from).transpose(0, 1).view(to, 4, from, 1, 1); // [to, dy · dx, from, 1, 1]
        _shortcut = nn.functional.pad(squares.transpose(0, 1), [1, 1, 1, 1]).DetachFromDisposeScope();     // [dy · dx, to, from, 3, 3]
    }

    public override Tensor forward(Tensor x)
    {
        var (batch, height, width) = (x.shape[0], x.shape[2], x.shape[3]);
        var kernels = _taps.matmul(_conv.weight!.view(_outChannels * _inChannels, 9).t()).view(4, 9, _outChannels, _inChannels);         // [dy · dx, y · x, to, from]
        var weight = kernels.permute(0, 2, 3, 1).reshape(4, _outChannels, _inChannels, 3, 3) + _shortcut;                 // [dy · dx, to, from, 3, 3]
        var y = nn.functional.conv2d(x, weight.flatten(0, 1), _conv.bias!.repeat(4), padding: [1, 1]);     // [b, dy · dx · to, h, w]
        var squares = y.permute(0, 2, 3, 1).view(batch, height, width, 2, 2 * _outChannels);                        // [b, h, w, dy, dx · to]
        return squares.transpose(2, 3).reshape(batch, 2 * height, 2 * width, _outChannels).permute(0, 3, 1, 2);     // [b, to, 2h, 2w]
    }
}
