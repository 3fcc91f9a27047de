using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Networks;

/// <summary>The convolution that turns every patch into a token. Its stride is its width, so it is one matrix product.</summary>
internal sealed class PatchProjection : Module<Tensor, Tensor>
{
    private readonly int _patch;
    private readonly Parameter _weight;
    private readonly Parameter? _bias;

    public PatchProjection(int width, int patch, bool bias)
        : base(nameof(PatchProjection))
    {
        _patch = patch;
        register_parameter("weight", _weight = new Parameter(randn(width, 3, patch, patch) / Math.Sqrt(3.0 * patch * patch)));
        if (bias)
            register_parameter("bias", _bias = new Parameter(zeros(width)));
    }

    /// <summary>Pixels [b, 3, side, side] to tokens [b, n, width] in reading order.</summary>
    public override Tensor forward(Tensor input)
    {
        var (b, cells) = (input.shape[0], input.shape[2] / _patch);
        var patches = input.reshape(b, 3, cells, _patch, cells, _patch).permute(0, 2, 4, 1, 3, 5); // [b, cells, cells, 3, patch, patch]
        return functional.linear(patches.reshape(b, cells * cells, -1), _weight.flatten(1), _bias); // [b, n, width]
    }
}
