using System.Buffers.Binary;
using System.Text.Json;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Safetensors;

namespace Sana.Tests.Support;

/// <summary>Weights of a published model's full size that take no room: a true header over a file that is one hole.</summary>
internal static class FullSizeCheckpoint
{
    public static SafetensorsWeights Weights(TempFolder folder, string name, IEnumerable<ExpectedTensor> tensors)
    {
        var file = folder.File($"{name}.safetensors");
        var end = 0L;
        using var header = new MemoryStream();
        using (var json = new Utf8JsonWriter(header))
        {
            json.WriteStartObject();
            foreach (var tensor in tensors)
            {
                var begin = end;
                end += tensor.Elements * sizeof(float);
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", "F32");
                Numbers(json, "shape", tensor.Shape);
                Numbers(json, "data_offsets", begin, end);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        using (var stream = File.Create(file))
        {
            var length = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
            stream.Write(length);
            header.WriteTo(stream);
            stream.SetLength(8 + header.Length + end);
        }

        return SafetensorsWeights.OpenFile(file);
    }

    public static string Config(TempFolder folder, string json)
    {
        var file = folder.File($"{Guid.NewGuid():N}.json");
        File.WriteAllText(file, json);
        return file;
    }

    public static (SanaTransformerConfig Config, SafetensorsWeights Weights) Transformer(TempFolder folder, string model)
    {
        var config = SanaTransformerConfig.Load(Config(folder, PublicConfigs.SanaTransformers[model]));
        return (config, Weights(folder, model, SanaTransformerTensors.All(config)));
    }

    private static void Numbers(Utf8JsonWriter json, string name, params long[] numbers)
    {
        json.WriteStartArray(name);
        foreach (var number in numbers)
        {
            json.WriteNumberValue(number);
        }

        json.WriteEndArray();
    }
}
