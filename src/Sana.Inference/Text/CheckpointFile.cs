using System.Text.Json;
using System.Text.Unicode;

namespace Sana.Inference.Text;

/// <summary>Text files of a checkpoint folder, which may be cut, hostile or not there: read within bounds, with every fault turned into one sentence.</summary>
internal static class CheckpointFile
{
    /// <summary>The largest published tokenizer.json is 33 MB; four times that still loads within half a gigabyte.</summary>
    public const int MaxVocabularyBytes = 128 * 1024 * 1024;

    /// <summary>Settings are a few kilobytes, with every added token spelled out about a megabyte.</summary>
    public const int MaxSettingsBytes = 16 * 1024 * 1024;

    /// <summary>The file's bytes without a byte order mark, known to be UTF-8; null when there is no such file.</summary>
    public static ReadOnlyMemory<byte>? ReadIfPresent(string path, int maxBytes)
    {
        if (!File.Exists(path)) return null;

        try
        {
            // A pipe or a device says 0 and would hang or never end: looked at before it is opened, behind links too.
            var target = Real(path);
            var length = new FileInfo(target).Length;
            if (length == 0) throw new InferenceException($"{path} is empty; download the checkpoint again.");
            if (length > maxBytes) throw new InferenceException($"{path} has {length:N0} bytes, the limit is {maxBytes:N0}; download the checkpoint again.");

            ReadOnlyMemory<byte> bytes = File.ReadAllBytes(target);
            if (bytes.Span.StartsWith("\uFEFF"u8)) bytes = bytes[3..];
            if (!Utf8.IsValid(bytes.Span)) throw new InferenceException($"{path} is not UTF-8 text; download the checkpoint again.");
            return bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InferenceException($"{path} cannot be read ({e.Message.TrimEnd('.')}); check the file and its permissions.", e);
        }
    }

    // Each link is resolved from the folder that it really lies in: a link to a snapshot of the Hugging Face cache holds links of its own.
    private static string Real(string path, int links = 40)
    {
        var full = Path.GetFullPath(path);
        if (Path.GetDirectoryName(full) is not { } folder) return full;
        if (links == 0) throw new IOException("its links go in circles");

        folder = Real(folder, links);
        var file = Path.Combine(folder, Path.GetFileName(full));
        return new FileInfo(file).LinkTarget is { } target ? Real(Path.Combine(folder, target), links - 1) : file;
    }

    public static ReadOnlyMemory<byte> Read(string path, int maxBytes) =>
        ReadIfPresent(path, maxBytes) ?? throw new InferenceException($"{path} is missing; download the checkpoint again with all its files.");

    /// <summary>A small file of settings as one JSON value; null when there is no such file.</summary>
    public static JsonPart? ReadSettings(string path) =>
        ReadIfPresent(path, MaxSettingsBytes) is { } bytes ? Parsing(path, () => JsonPart.Parse(bytes, path, "")) : null;

    /// <summary>Runs a reader of the file, whose low-level faults (broken JSON, lone surrogates in an escape) become the boundary's exception.</summary>
    public static T Parsing<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InferenceException($"{path} is not valid JSON ({e.Message.TrimEnd('.')}); download the checkpoint again.", e);
        }
    }
}

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

/// <summary>How settings files name a special token: as a string, or as an object with its "content".</summary>
internal static class SpecialTokens
{
    /// <summary>The token's text; null when the file, or the file's key, is not there.</summary>
    public static string? SpecialToken(this JsonPart? settings, string name)
    {
        if (settings?.Find(name) is not { } token) return null;
        return token.IsObject ? token.Get("content").Text() : token.Text();
    }
}
