using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Torch;

/// <summary>
/// All parameters of a network, laid end to end in one tensor that they are views of, and their gradients in another: one call does for all of them what would take
/// a call for each. Matrices come first, then vectors.
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

    /// <summary>The parameters' values: [all].</summary>
    public Tensor Values { get; }

    /// <summary>What a backward pass has added up since it was last zeroed: [all].</summary>
    public Tensor Gradients { get; }

    /// <summary>How many values, from the first on, are those of tensors of two and more dimensions.</summary>
    public long Matrices { get; }

    public void Dispose()
    {
        Values.Dispose();
        Gradients.Dispose();
    }
}
