using TinySana.Torch;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Publishing;

/// <summary>model.safetensors of a checkpoint's folder.</summary>
internal static class WeightsFile
{
    private const string Name = "model.safetensors";

    /// <summary>Writes a network's parameters in half precision.</summary>
    public static void Write(string folder, Module network) =>
        SafetensorsFile.Save(Path.Combine(folder, Name), network.named_parameters().Select(one => (one.name, (Tensor)one.parameter)), half: true);

    /// <summary>Puts the stored parameters into a network of the same sizes.</summary>
    /// <exception cref="InvalidDataException">The network's parameters are not those of the file.</exception>
    public static void Read(string folder, Module network)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var stored = SafetensorsFile.Load(Path.Combine(folder, Name));
        var parameters = network.named_parameters().ToArray();
        if (!stored.Keys.ToHashSet().SetEquals(parameters.Select(one => one.name)))
            throw new InvalidDataException($"{folder} holds other tensors than its config says: train it again.");
        foreach (var (name, parameter) in parameters)
            parameter.copy_(stored[name]);
    }
}
