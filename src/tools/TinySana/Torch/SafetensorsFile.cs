using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace TinySana.Torch;

// https://huggingface.co/docs/safetensors/index#format: length of the header, header in JSON, then the tensors' bytes in row-major order.

/// <summary>Tensors by name in a safetensors file.</summary>
internal static class SafetensorsFile
{
    private const int Alignment = 8;

    private static readonly (string Name, ScalarType Type)[] Types =
        [("F32", ScalarType.Float32), ("F16", ScalarType.Float16), ("BF16", ScalarType.BFloat16), ("I64", ScalarType.Int64), ("I32", ScalarType.Int32)];

    /// <summary>Writes a file, whole or not at all.</summary>
    /// <param name="path">Where; the folder is made.</param>
    /// <param name="tensors">In any order; they are stored in that of their names.</param>
    /// <param name="half">Whether floating-point values are rounded to float16; else they keep their type.</param>
    public static void Save(string path, IEnumerable<(string Name, Tensor Value)> tensors, bool half)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        (string Name, Tensor Value)[] ordered =
        [
            .. tensors.OrderBy(one => one.Name, StringComparer.Ordinal)
                .Select(one => (one.Name, one.Value.to_type(half && one.Value.is_floating_point() ? ScalarType.Float16 : one.Value.dtype).contiguous())),
        ];

        var (header, offset) = (new JsonObject { ["__metadata__"] = new JsonObject { ["format"] = "pt" } }, 0L);
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

    /// <summary>All tensors of a file, in the types they are stored in.</summary>
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
