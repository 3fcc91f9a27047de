using System.Text.Json;
using System.Text.Unicode;

namespace Sana.GraphBuilder.Safetensors;

/// <summary>The <c>*.safetensors.index.json</c> of a sharded checkpoint: tensor name → name of the shard beside it.</summary>
internal static class ShardIndex
{
    private const int MaxShards = 1_000;

    public static Dictionary<string, string> Read(string path)
    {
        var json = RegularFile.ReadAll(path, SafetensorsHeader.MaxBytes);
        if (!Utf8.IsValid(json))
            throw new CheckpointException($"{path} is not valid UTF-8; fetch it again.");

        Dictionary<string, string>? map = null;
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 16 });
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
                throw new CheckpointException($"{path} is not a JSON object; fetch it again.");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (!reader.ValueTextEquals("weight_map"u8))
                    reader.Skip();
                else if (map is null)
                    map = ReadMap(ref reader, path);
                else
                    throw new CheckpointException($"{path} has 'weight_map' twice; fetch it again.");
            }

            reader.Read(); // only white space may follow: anything else throws here
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new CheckpointException($"{path} is not the JSON of a shard index: {error.Message}", error);
        }

        return map ?? throw new CheckpointException($"{path} has no 'weight_map'; fetch it again.");
    }

    private static Dictionary<string, string> ReadMap(ref Utf8JsonReader reader, string path)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new CheckpointException($"'weight_map' of {path} is not an object; fetch it again.");

        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        var shards = new HashSet<string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var tensor = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String || reader.ValueSpan.Length > 255)
                throw new CheckpointException($"Tensor {Quoted.Text(tensor)} in {path} is not mapped to a file name.");

            var shard = reader.GetString()!;
            // The index may come from anywhere: it must not lead out of its folder.
            if (shard is "" or "." or ".." || shard.AsSpan().IndexOfAny("/\\:\0") >= 0)
                throw new CheckpointException($"Tensor {Quoted.Text(tensor)} in {path} is mapped to {Quoted.Text(shard)}, which is not a plain file name.");
            // One string for each shard, not one for each tensor.
            if (!shards.TryGetValue(shard, out var known) && shards.Add(known = shard) && shards.Count > MaxShards)
                throw new CheckpointException($"{path} names more than {MaxShards} shards, the limit.");
            if (!map.TryAdd(tensor, known))
                throw new CheckpointException($"{path} maps {Quoted.Text(tensor)} twice; fetch it again.");
            if (map.Count > SafetensorsHeader.MaxTensors)
                throw new CheckpointException($"{path} maps more than {SafetensorsHeader.MaxTensors} tensors, the limit.");
        }

        return map;
    }
}
