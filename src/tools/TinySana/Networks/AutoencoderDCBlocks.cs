using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>Linear attention over all pixels, then a gated convolution, each with a residual connection.</summary>
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

/// <summary>Two convolutions and a norm with a residual connection.</summary>
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

/// <summary>
/// Attention with ReLU in place of the softmax, so that its cost is linear in the number of pixels (diffusers' SanaMultiscaleLinearAttention without extra
/// scales). For at most headDim pixels diffusers multiplies in another order, which gives the same result in exact arithmetic.
/// </summary>
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
        // A head is a group of 3d consecutive channels of the three projections together.
        var parts = qkv.view(batch, channels / _headDim, 3, _headDim, height * width).unbind(2);
        var (q, k, v) = (nn.functional.relu(parts[0]), nn.functional.relu(parts[1]), parts[2]); // [b, heads, d, hw]
        var mix = v.matmul(k.transpose(2, 3));                                           // [b, heads, d, d]
        var sums = k.sum(3).unsqueeze(2).matmul(q);                                      // [b, heads, 1, hw]
        var y = mix.matmul(q) / (sums + Epsilon);                                        // [b, heads, d, hw]
        y = _toOut.weight!.matmul(y.reshape(batch, channels, height * width));           // [b, c, hw]
        return x + _normOut.call(y.view(batch, channels, height, width));                // [b, c, h, w]
    }
}

/// <summary>A gated depthwise convolution at four times the width, with a norm and a residual connection.</summary>
internal sealed class GLUMBConv : nn.Module<Tensor, Tensor>
{
    private const int Expansion = 4;

    private readonly Conv2d _inverted, _depth, _point;
    private readonly RmsNorm2d _norm;

    public GLUMBConv(long channels) : base(nameof(GLUMBConv))
    {
        var hidden = 2 * Expansion * channels;
        register_module("conv_inverted", _inverted = nn.Conv2d(channels, hidden, 1));
        register_module("conv_depth", _depth = nn.Conv2d(hidden, hidden, 3, padding: 1, groups: hidden));
        register_module("conv_point", _point = nn.Conv2d(hidden / 2, channels, 1, bias: false));
        register_module("norm", _norm = new RmsNorm2d(channels, weight: 0.5));
    }

    public override Tensor forward(Tensor x)
    {
        var parts = _depth.call(nn.functional.silu(_inverted.call(x))).chunk(2, 1); // 2 · [b, 4c, h, w]
        return x + _norm.call(_point.call(parts[0] * nn.functional.silu(parts[1])));
    }
}

/// <summary>RMS norm over the channels of every pixel, with weight and bias.</summary>
internal sealed class RmsNorm2d : nn.Module<Tensor, Tensor>
{
    private const double Epsilon = 1e-5;

    private readonly Parameter _weight, _bias;

    public RmsNorm2d(long channels, double weight = 1) : base(nameof(RmsNorm2d))
    {
        (_weight, _bias) = (nn.Parameter(full([channels], weight)), nn.Parameter(zeros(channels)));
        register_parameter("weight", _weight);
        register_parameter("bias", _bias);
    }

    public override Tensor forward(Tensor x)
    {
        var squares = linalg.vector_norm(x, 2, [1], keepdim: true).square(); // [b, 1, h, w]
        var normal = x * squares.div(x.shape[1]).add(Epsilon).rsqrt();
        return addcmul(_bias.view(1, -1, 1, 1), normal, _weight.view(1, -1, 1, 1), 1);
    }
}
