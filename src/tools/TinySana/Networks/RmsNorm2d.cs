using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>Root mean square norm over the channels of every pixel, with weight and bias.</summary>
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
