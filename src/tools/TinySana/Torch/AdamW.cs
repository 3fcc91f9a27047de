using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Torch;

/// <summary>AdamW (arXiv:1711.05101, algorithm 2) on all parameters at once. Its moments can be saved and restored.</summary>
internal sealed class AdamW(FlatParameters parameters, TrainingOptions options) : IDisposable
{
    private const double FirstDecay = 0.9;
    private const double Epsilon = 1e-8;

    /// <summary>Running mean of the gradients: [all].</summary>
    public Tensor FirstMoment { get; } = zeros_like(parameters.Values).DetachFromDisposeScope();

    /// <summary>Running mean of the squared gradients: [all].</summary>
    public Tensor SecondMoment { get; } = zeros_like(parameters.Values).DetachFromDisposeScope();

    /// <summary>Does one step. It first scales the gradient down to the greatest allowed norm.</summary>
    /// <param name="step">Number of the step, from 0.</param>
    /// <param name="learningRate">Learning rate of this step.</param>
    /// <returns>The norm of the gradient before scaling.</returns>
    public double Step(int step, double learningRate)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var gradients = parameters.Gradients;
        var norm = gradients.norm().item<float>();
        if (!float.IsFinite(norm))
            gradients.zero_(); // keeps an overflow out of the moments
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

/// <summary>
/// All parameters of a network as views of one tensor, and their gradients as views of another, so that one call works on all of them.
/// Matrices come first, then vectors.
/// </summary>
internal sealed class FlatParameters : IDisposable
{
    public FlatParameters(nn.Module network)
    {
        using var noGradient = no_grad();
        Parameter[] parameters = [.. network.parameters().OrderBy(parameter => parameter.dim() < 2)];
        Matrices = parameters.Where(parameter => parameter.dim() >= 2).Sum(parameter => parameter.numel());
        Values = cat([.. parameters.Select(parameter => parameter.reshape(-1))]).DetachFromDisposeScope();
        Gradients = zeros_like(Values).DetachFromDisposeScope();
        var offset = 0L;
        foreach (var parameter in parameters)
        {
            parameter.set_(Values.narrow(0, offset, parameter.numel()).view(parameter.shape));
            parameter.grad = Gradients.narrow(0, offset, parameter.numel()).view(parameter.shape);
            offset += parameter.numel();
        }
    }

    /// <summary>All parameters: [all].</summary>
    public Tensor Values { get; }

    /// <summary>The gradients of all parameters: [all].</summary>
    public Tensor Gradients { get; }

    /// <summary>Number of values that belong to tensors of two or more dimensions. They are the first ones.</summary>
    public long Matrices { get; }

    public void Dispose()
    {
        Values.Dispose();
        Gradients.Dispose();
    }
}
