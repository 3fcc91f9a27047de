using static TorchSharp.torch;

namespace TinySana.Torch;

// Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (arXiv:1711.05101), algorithm 2.

/// <summary>AdamW over all parameters at once, with moments that can be saved and put back.</summary>
internal sealed class AdamW(FlatParameters parameters, TrainingOptions options) : IDisposable
{
    private const double FirstDecay = 0.9;
    private const double Epsilon = 1e-8;

    /// <summary>Running mean of the gradients: [all].</summary>
    public Tensor FirstMoment { get; } = zeros_like(parameters.Values).DetachFromDisposeScope();

    /// <summary>Running mean of the squared gradients: [all].</summary>
    public Tensor SecondMoment { get; } = zeros_like(parameters.Values).DetachFromDisposeScope();

    /// <summary>One step against the gradient, shortened to the greatest norm.</summary>
    /// <param name="step">From 0.</param>
    /// <param name="learningRate">Of this step.</param>
    /// <returns>The gradient's norm before it was shortened.</returns>
    public double Step(int step, double learningRate)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var gradients = parameters.Gradients;
        var norm = gradients.norm().item<float>();
        if (!float.IsFinite(norm))
            gradients.zero_(); // one overflow must not reach the moments
        else if (norm > options.ClipNorm)
            gradients.mul_(options.ClipNorm / norm);

        FirstMoment.lerp_(gradients, 1 - FirstDecay);
        SecondMoment.mul_(options.SecondMomentDecay).addcmul_(gradients, gradients, 1 - options.SecondMomentDecay);
        parameters.Values.narrow(0, 0, parameters.Matrices).mul_(1 - (learningRate * options.WeightDecay));
        var spread = SecondMoment.sqrt().mul_(1 / Math.Sqrt(1 - Math.Pow(options.SecondMomentDecay, step + 1))).add_(Epsilon);
        parameters.Values.addcdiv_(FirstMoment, spread, -learningRate / (1 - Math.Pow(FirstDecay, step + 1)));
        return norm;
    }

    public void Dispose()
    {
        FirstMoment.Dispose();
        SecondMoment.Dispose();
    }
}
