using System.Text.Json;
using System.Text.Unicode;

namespace Sana.Inference.Text;

/// <summary>Reads text files of a checkpoint folder, which may be truncated, hostile or missing: with size limits, and with one sentence for every error.</summary>
internal static class CheckpointFile
{
    /// <summary>The largest published tokenizer.json is 33 MB; four times that still loads within half a gigabyte.</summary>
    public const int MaxVocabularyBytes = 128 * 1024 * 1024;

    /// <summary>Settings have a few kilobytes; with all added tokens in them, about a megabyte.</summary>
    public const int MaxSettingsBytes = 16 * 1024 * 1024;

    /// <summary>The file's bytes without a byte order mark, known to be UTF-8; null when there is no such file.</summary>
    public static ReadOnlyMemory<byte>? ReadIfPresent(string path, int maxBytes)
    {
        if (!File.Exists(path)) return null;

        try
        {
            // Reading a pipe or a device would hang or never end. Both have length 0, so the length is checked first, of the link's target.
            var target = Real(path);
            var length = new FileInfo(target).Length;
            if (length == 0) throw new InferenceException($"{path} is empty; download the checkpoint again.");
            if (length > maxBytes) throw new InferenceException($"{path} has {length:N0} bytes, the limit is {maxBytes:N0}; download the checkpoint again.");

            ReadOnlyMemory<byte> bytes = File.ReadAllBytes(target);
            if (bytes.Span.StartsWith("version https://git-lfs.github.com/spec/v1"u8))
                throw new InferenceException($"{path} is a pointer of Git LFS and not the file; run git lfs pull in its repository.");
            if (bytes.Span.StartsWith("\uFEFF"u8)) bytes = bytes[3..];
            if (!Utf8.IsValid(bytes.Span)) throw new InferenceException($"{path} is not UTF-8 text; download the checkpoint again.");
            return bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InferenceException($"{path} cannot be read ({e.Message.TrimEnd('.')}); check the file and its permissions.", e);
        }
    }

    // A relative link is resolved from the real folder of the link: a link to a snapshot of the Hugging Face cache contains links too.
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

    /// <summary>Runs a reader of the file and turns its errors (broken JSON, lone surrogates in an escape) into an <see cref="InferenceException"/>.</summary>
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

/// <summary>A JSON value with its file and key, so that every error message can name them.</summary>
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

    /// <summary>The byte range of each member of an object. A big file is scanned once, and each range is read by its own reader.</summary>
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

    /// <summary>The range of a member that must be there.</summary>
    public static ReadOnlyMemory<byte> Require(Dictionary<string, ReadOnlyMemory<byte>> ranges, string key, string file, string fix = "download the checkpoint again") =>
        ranges.TryGetValue(key.Split('.')[^1], out var json) ? json : throw new InferenceException($"{file}: the key \"{key}\" is missing; {fix}.");

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

    /// <summary>The error with file, key, problem and fix.</summary>
    public InferenceException Refuse(string problem, string fix = "download the checkpoint again") => new($"{file}: {Named(key)} {problem}; {fix}.");

    private string Inside(string name) => key.Length == 0 ? name : $"{key}.{name}";

    private static string Named(string key) => key.Length == 0 ? "the file" : $"\"{key}\"";

    /// <summary>Cuts text of a file for a message.</summary>
    public static string Shorten(string text) => text.Length <= 40 ? text : $"{text.AsSpan(0, 40)}…";
}

/// <summary>Special tokens in settings files: a string, or an object with its "content".</summary>
internal static class SpecialTokens
{
    /// <summary>The token's text; null when the file or the key is missing.</summary>
    public static string? SpecialToken(this JsonPart? settings, string name)
    {
        if (settings?.Find(name) is not { } token) return null;
        return token.IsObject ? token.Get("content").Text() : token.Text();
    }
}
