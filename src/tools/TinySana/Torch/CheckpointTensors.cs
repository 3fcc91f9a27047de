using Sana.GraphBuilder.Configs;
using static TorchSharp.torch;

namespace TinySana.Torch;

/// <summary>A network's parameters in a checkpoint's file, by the names and shapes that the import asks for.</summary>
internal static class CheckpointTensors
{
    /// <summary>Writes the weights in float16.</summary>
    /// <param name="path">Where; the folder is made.</param>
    /// <param name="network">Has every expected name; a shape may lack axes of 1, as a product lacks those of its 1×1 convolution.</param>
    /// <param name="expected">All tensors of the file.</param>
    public static void Save(string path, nn.Module network, IEnumerable<ExpectedTensor> expected)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var parameters = network.named_parameters().ToDictionary(one => one.name, one => (Tensor)one.parameter);
        var tensors = expected.Select(one => (one.Name, parameters[one.Name].reshape([.. one.Shape]))).ToArray();
        if (tensors.Length != parameters.Count)
            throw new InvalidOperationException($"{path}: the network has {parameters.Count} parameters, the checkpoint {tensors.Length}.");
        SafetensorsFile.Save(path, tensors, half: true);
    }

    /// <summary>Puts a file's weights into the network, widened to float32.</summary>
    public static void Load(string path, nn.Module network)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var saved = SafetensorsFile.Load(path);
        foreach (var (name, parameter) in network.named_parameters())
            parameter.copy_(saved[name].reshape(parameter.shape));
    }
}
