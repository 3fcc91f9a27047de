using static TorchSharp.torch;

namespace TinySana.Publishing;

/// <summary>Published tensors back into networks.</summary>
internal static class Checkpoints
{
    /// <summary>Copies tensors into the parameters of the same names, and disposes them.</summary>
    /// <exception cref="InvalidDataException">A parameter has no tensor, or a tensor no parameter.</exception>
    public static void Put(nn.Module network, Dictionary<string, Tensor> tensors)
    {
        using var noGradient = no_grad();
        var parameters = network.named_parameters().ToDictionary(one => one.name, one => one.parameter);
        if (parameters.Keys.Except(tensors.Keys).Concat(tensors.Keys.Except(parameters.Keys)).FirstOrDefault() is { } name)
            throw new InvalidDataException($"'{name}' is in the network or in the file, and not in both.");
        foreach (var (key, parameter) in parameters)
        {
            parameter.copy_(tensors[key]);
            tensors[key].Dispose();
        }
    }
}
