using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sana.GraphBuilder.Configs;
using static TorchSharp.torch;

namespace TinySana.Torch;

/// <summary>
/// Reads and writes safetensors files (https://huggingface.co/docs/safetensors/index#format): length of the header, header in JSON, then the tensors' bytes in
/// row-major order.
/// </summary>
internal static class SafetensorsFile
{
    private const int Alignment = 8;

    private static readonly (string Name, ScalarType Type)[] Types =
        [("F32", ScalarType.Float32), ("F16", ScalarType.Float16), ("BF16", ScalarType.BFloat16), ("I64", ScalarType.Int64), ("I32", ScalarType.Int32)];

    /// <summary>Writes a file, completely or not at all.</summary>
    /// <param name="path">The file; its folder is created.</param>
    /// <param name="tensors">The tensors; they are stored in the order of their names.</param>
    /// <param name="half">Whether to store floating-point tensors as float16; if not, they keep their type.</param>
    /// <param name="metadata">Texts for the header.</param>
    public static void Save(string path, IEnumerable<(string Name, Tensor Value)> tensors, bool half, params ReadOnlySpan<(string Name, string Text)> metadata)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        (string Name, Tensor Value)[] ordered =
        [
            .. tensors.OrderBy(one => one.Name, StringComparer.Ordinal)
                .Select(one => (one.Name, one.Value.to_type(half && one.Value.is_floating_point() ? ScalarType.Float16 : one.Value.dtype).contiguous())),
        ];

        var texts = new JsonObject { ["format"] = "pt" };
        foreach (var (name, text) in metadata)
            texts[name] = text;
        var (header, offset) = (new JsonObject { ["__metadata__"] = texts }, 0L);
        foreach (var (name, value) in ordered)
        {
            var length = value.numel() * value.element_size();
            header[name] = new JsonObject
            {
                ["dtype"] = Types.Single(type => type.Type == value.dtype).Name,
                ["shape"] = new JsonArray([.. value.shape.Select(side => (JsonNode)side)]),
                ["data_offsets"] = new JsonArray(offset, offset + length),
            };
            offset += length;
        }

        var json = JsonSerializer.SerializeToUtf8Bytes(header).ToList();
        while (json.Count % Alignment != 0)
            json.Add((byte)' ');
        Write(path, [.. json], ordered);
    }

    /// <summary>All tensors of a file, in their stored types.</summary>
    public static Dictionary<string, Tensor> Load(string path)
    {
        using var file = File.OpenRead(path);
        Span<byte> length = stackalloc byte[8];
        file.ReadExactly(length);
        var json = new byte[BinaryPrimitives.ReadInt64LittleEndian(length)];
        file.ReadExactly(json);

        var tensors = new Dictionary<string, Tensor>();
        foreach (var (name, entry) in JsonNode.Parse(json)!.AsObject().Where(entry => entry.Key != "__metadata__"))
        {
            var type = Types.Single(type => type.Name == (string)entry!["dtype"]!).Type;
            var tensor = empty([.. entry!["shape"]!.AsArray().Select(side => (long)side!)], type);
            file.Position = 8 + json.Length + (long)entry["data_offsets"]![0]!;
            file.ReadExactly(tensor.bytes);
            tensors.Add(name, tensor);
        }

        return tensors;
    }

    private static void Write(string path, byte[] header, (string Name, Tensor Value)[] tensors)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var temporary = path + ".part";
        using (var file = File.Create(temporary))
        {
            Span<byte> length = stackalloc byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
            file.Write(length);
            file.Write(header);
            foreach (var (_, value) in tensors)
                file.Write(value.bytes);
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
    }
}

/// <summary>The parameters of a network in a safetensors file.</summary>
internal static class CheckpointTensors
{
    /// <summary>Writes a network's parameters in float16, by the names and shapes that the import expects.</summary>
    /// <param name="path">The file; its folder is created.</param>
    /// <param name="network">Has all expected names and no others. Shapes may lack axes of 1: a 1×1 convolution can be a linear layer here.</param>
    /// <param name="expected">The tensors of the file.</param>
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

    /// <summary>Writes a network's parameters in float16, by their own names and shapes.</summary>
    public static void Save(string path, nn.Module network) => SafetensorsFile.Save(path, network.named_parameters().Select(one => (one.name, (Tensor)one.parameter)), half: true);

    /// <summary>Reads a file into a network's parameters.</summary>
    public static void Load(string path, nn.Module network)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var saved = SafetensorsFile.Load(path);
        foreach (var (name, parameter) in network.named_parameters())
            parameter.copy_(saved[name].reshape(parameter.shape));
    }
}
