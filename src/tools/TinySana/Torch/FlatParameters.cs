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
        var named = network.named_parameters().OrderBy(one => one.parameter.dim() < 2).ToArray();
        Parameter[] parameters = [.. named.Select(one => one.parameter)];
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

        offset = 0;
        Parts = [.. named.Select(one => (one.name, (offset += one.parameter.numel()) - one.parameter.numel(), one.parameter.shape))];
    }

    /// <summary>Name, first value and shape of every parameter.</summary>
    public IReadOnlyList<(string Name, long Offset, long[] Shape)> Parts { get; }

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
