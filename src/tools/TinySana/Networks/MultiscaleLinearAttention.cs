using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

// diffusers' SanaMultiscaleLinearAttention without extra scales. For maps of at most headDim pixels it sums in another order, which is equal in exact arithmetic.

/// <summary>Attention with ReLU in place of the softmax, so that its cost grows with the number of pixels and not with its square.</summary>
internal sealed class MultiscaleLinearAttention : nn.Module<Tensor, Tensor>
{
    private const double Epsilon = 1e-15;

    private readonly Linear _toQ, _toK, _toV, _toOut;
    private readonly RmsNorm2d _normOut;
    private readonly long _headDim;

    public MultiscaleLinearAttention(long channels, long headDim) : base(nameof(MultiscaleLinearAttention))
    {
        _headDim = headDim;
        register_module("to_q", _toQ = nn.Linear(channels, channels, hasBias: false));
        register_module("to_k", _toK = nn.Linear(channels, channels, hasBias: false));
        register_module("to_v", _toV = nn.Linear(channels, channels, hasBias: false));
        register_module("to_out", _toOut = nn.Linear(channels, channels, hasBias: false));
        register_module("norm_out", _normOut = new RmsNorm2d(channels, weight: 0.5));
    }

    public override Tensor forward(Tensor x)
    {
        var (batch, channels, height, width) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3]);
        var pixels = x.flatten(2);                                                       // [b, c, hw]
        var qkv = cat([_toQ.weight!, _toK.weight!, _toV.weight!], 0).matmul(pixels);     // [b, 3c, hw]
        // A head is a group of 3d consecutive channels, whichever projection they come from.
        var parts = qkv.view(batch, channels / _headDim, 3, _headDim, height * width).unbind(2);
        var (q, k, v) = (nn.functional.relu(parts[0]), nn.functional.relu(parts[1]), parts[2]); // [b, heads, d, hw]
        var mix = v.matmul(k.transpose(2, 3));                                           // [b, heads, d, d]
        var sums = k.sum(3).unsqueeze(2).matmul(q);                                      // [b, heads, 1, hw]
        var y = mix.matmul(q) / (sums + Epsilon);                                        // [b, heads, d, hw]
        y = _toOut.weight!.matmul(y.reshape(batch, channels, height * width));           // [b, c, hw]
        return x + _normOut.call(y.view(batch, channels, height, width));                // [b, c, h, w]
    }
}
