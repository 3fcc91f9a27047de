using System.Text.Json;
using System.Text.Json.Nodes;
using Sana.Storage;

namespace Sana.Curation.Shards;

/// <summary>
/// One spelling for equal json: keys in ordinal order, no spaces, letters as they are. So a configuration has one hash and a manifest one content.
/// </summary>
public static class CanonicalJson
{
    /// <summary>The value in UTF-8.</summary>
    public static byte[] Bytes(JsonNode? value)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, Sample.Json))
            Write(json, value);
        return bytes.ToArray();
    }

    /// <summary>SHA-256 of <see cref="Bytes"/>, lower-case hexadecimal.</summary>
    public static string Hash(JsonNode? value) => Digest.Sha256(Bytes(value));

    private static void Write(Utf8JsonWriter json, JsonNode? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case JsonObject members:
                json.WriteStartObject();
                foreach (var (name, member) in members.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                {
                    json.WritePropertyName(name);
                    Write(json, member);
                }

                json.WriteEndObject();
                break;
            case JsonArray items:
                json.WriteStartArray();
                foreach (var item in items)
                    Write(json, item);
                json.WriteEndArray();
                break;
            default:
                value.WriteTo(json);
                break;
        }
    }
}
