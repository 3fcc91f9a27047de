using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>Weights before training.</summary>
internal static class Start
{
    /// <summary>Deviation of embeddings.</summary>
    public const double Embedding = 0.05;

    /// <summary>What adds to the residual stream starts smaller the deeper the stack is, so that the stream's size does not grow with it (GPT-2).</summary>
    public static Linear Residual(Linear linear, int layers)
    {
        using var no = no_grad();
        linear.weight.mul_(1 / Math.Sqrt(2.0 * layers));
        linear.bias!.zero_();
        return linear;
    }
}
