using System.Text.Json;

namespace Sana.Inference.Text;

/// <summary>A JSON value that knows its file and key, so that every refusal can name them.</summary>
internal readonly struct JsonPart(string file, string key, JsonElement element)
{
    private static readonly JsonDocumentOptions _strict = new() { AllowDuplicateProperties = false };

    public string Key => key;

    public static JsonPart Parse(ReadOnlyMemory<byte> json, string file, string key)
    {
        if (json.Length > CheckpointFile.MaxSettingsBytes)
            throw new InferenceException($"{file}: \"{key}\" has {json.Length:N0} bytes, the limit is {CheckpointFile.MaxSettingsBytes:N0}; download the checkpoint again.");
        return new JsonPart(file, key, JsonElement.Parse(json.Span, _strict));
    }

    /// <summary>The byte range of each member of an object: a big file is walked once, and each range read as suits it.</summary>
    public static Dictionary<string, ReadOnlyMemory<byte>> Ranges(ReadOnlyMemory<byte> json, string file, string key)
    {
        const int maxMembers = 256;
        var ranges = new Dictionary<string, ReadOnlyMemory<byte>>();
        var reader = new Utf8JsonReader(json.Span);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new InferenceException($"{file}: {Named(key)} is not a JSON object; download the checkpoint again.");

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            if (ranges.Count == maxMembers || !ranges.TryAdd(name, json[start..(int)reader.BytesConsumed]))
                throw new InferenceException($"{file}: {Named(key)} has the key \"{Shorten(name)}\" twice or more than {maxMembers} keys; download the checkpoint again.");
        }

        reader.Read(); // nothing but white space may follow
        return ranges;
    }

    /// <summary>The member of that name; null when it is missing or null.</summary>
    public JsonPart? Find(string name)
    {
        if (element.ValueKind != JsonValueKind.Object) throw Refuse("is not a JSON object");
        return element.TryGetProperty(name, out var member) && member.ValueKind != JsonValueKind.Null ? new JsonPart(file, Inside(name), member) : null;
    }

    public JsonPart Get(string name) =>
        Find(name) ?? throw new InferenceException($"{file}: the key \"{Inside(name)}\" is missing; download the checkpoint again.");

    public bool IsObject => element.ValueKind == JsonValueKind.Object;

    public bool IsNull => element.ValueKind == JsonValueKind.Null;

    public string Text() => element.ValueKind == JsonValueKind.String ? element.GetString()! : throw Refuse("is not a string");

    public string? Text(string name) => Find(name)?.Text();

    public bool Boolean() => element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Refuse("is neither true nor false"),
    };

    public bool Flag(string name, bool otherwise = false) => Find(name)?.Boolean() ?? otherwise;

    public int Integer() =>
        element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out var value) ? value : throw Refuse("is not a whole number in range");

    public double Number() => element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out var value) ? value : throw Refuse("is not a number");

    public List<JsonPart> Items()
    {
        const int maxItems = 100_000; // the longest list here, of added tokens, has a few thousand in published files
        if (element.ValueKind != JsonValueKind.Array) throw Refuse("is not a list");
        if (element.GetArrayLength() is > maxItems and var length) throw Refuse($"has {length:N0} items, the limit is {maxItems:N0}");
        var (path, name) = (file, key);
        return [.. element.EnumerateArray().Select((item, i) => new JsonPart(path, $"{name}[{i}]", item))];
    }

    /// <summary>An exception that names file, key and the problem; a fix of its own replaces the usual one.</summary>
    public InferenceException Refuse(string problem, string fix = "download the checkpoint again") => new($"{file}: {Named(key)} {problem}; {fix}.");

    private string Inside(string name) => key.Length == 0 ? name : $"{key}.{name}";

    private static string Named(string key) => key.Length == 0 ? "the file" : $"\"{key}\"";

    /// <summary>Text of a file, made fit for a message.</summary>
    public static string Shorten(string text) => text.Length <= 40 ? text : $"{text.AsSpan(0, 40)}…";
}
