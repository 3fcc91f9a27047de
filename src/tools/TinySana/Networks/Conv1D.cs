using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Networks;

/// <summary>GPT-2's product: a linear layer whose weight is stored [in, out].</summary>
internal sealed class Conv1D : Module<Tensor, Tensor>
{
    private readonly Parameter _weight;
    private readonly Parameter _bias;

    /// <param name="from">Width in.</param>
    /// <param name="to">Width out.</param>
    /// <param name="deviation">Of the weights at the start; biases start at zero.</param>
    public Conv1D(long from, long to, double deviation = 0.05)
        : base(nameof(Conv1D))
    {
        (_weight, _bias) = (new Parameter(randn(from, to) * deviation), new Parameter(zeros(to)));
        register_parameter("weight", _weight);
        register_parameter("bias", _bias);
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input) =>
        addmm(_bias, input.reshape(-1, _weight.shape[0]), _weight, 1, 1).reshape([.. input.shape[..^1], _weight.shape[1]]);
}
