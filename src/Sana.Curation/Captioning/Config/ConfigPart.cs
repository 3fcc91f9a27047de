using System.Globalization;
using System.Text.Json;

namespace Sana.Curation.Captioning.Config;

/// <summary>
/// An object of a configuration file that knows its path, so that every refusal can name it, and what was asked of it, so that a misspelt field is refused
/// instead of ignored.
/// </summary>
internal sealed class ConfigPart(string path, JsonElement element)
{
    private static readonly string[] _secret = ["key", "token", "secret", "password", "authorization", "credential"];
    private static readonly JsonDocumentOptions _lenient = new()
    {
        AllowTrailingCommas = true,
        CommentHandling = JsonCommentHandling.Skip,
        AllowDuplicateProperties = false,
        MaxDepth = 16,
    };

    private readonly HashSet<string> _known = [];

    public static ConfigPart Root(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json, _lenient);
            return Of("the file", document.RootElement.Clone());
        }
        catch (JsonException error)
        {
            throw new CurationException($"The file is not JSON (line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}): mend it there.", error);
        }
    }

    /// <summary>The parts of a list of objects; empty when the field is missing.</summary>
    public List<ConfigPart> Objects(string name, int most)
    {
        if (Find(name, JsonValueKind.Array, "a list") is not { } list)
            return [];
        if (list.GetArrayLength() > most)
            throw Refuse(name, $"has {list.GetArrayLength()} entries; the limit is {most}");
        return [.. list.EnumerateArray().Select((item, i) => Of($"{Inside(name)}[{i}]", item))];
    }

    public ConfigPart? Object(string name) => Find(name, JsonValueKind.Object, "an object") is { } found ? Of(Inside(name), found) : null;

    public string? Text(string name, int most = 200)
    {
        if (Find(name, JsonValueKind.String, "a text") is not { } found)
            return null;
        var text = found.GetString()!;
        if (text.Length == 0 || text.Length > most)
            throw Refuse(name, $"has {text.Length} characters; it has 1 to {most}");
        return text;
    }

    public string Needed(string name, int most = 200) => Text(name, most) ?? throw Refuse(name, "is missing; add it");

    public string Choice(string name, string otherwise, params string[] choices) => Text(name) is not { } text ? otherwise
        : choices.Contains(text) ? text
        : throw Refuse(name, $"is \"{Shorten(text)}\"; it is one of {string.Join(", ", choices)}");

    public double? Number(string name, double least, double most)
    {
        if (Find(name, JsonValueKind.Number, "a number") is not { } found)
            return null;
        return found.TryGetDouble(out var value) && value >= least && value <= most ? value
            : throw Refuse(name, string.Create(CultureInfo.InvariantCulture, $"is {Shorten(found.GetRawText())}; it goes from {least} to {most}"));
    }

    public int? Integer(string name, int least, int most)
    {
        if (Find(name, JsonValueKind.Number, "a number") is not { } found)
            return null;
        return found.TryGetInt32(out var value) && value >= least && value <= most ? value
            : throw Refuse(name, string.Create(CultureInfo.InvariantCulture, $"is {Shorten(found.GetRawText())}; it is a whole number from {least} to {most}"));
    }

    /// <summary>So many numbers; null where the field is missing.</summary>
    public double[]? Numbers(string name, int count, double least, double most)
    {
        if (Find(name, JsonValueKind.Array, "a list of numbers") is not { } list)
            return null;
        return list.GetArrayLength() == count && list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Number && item.TryGetDouble(out var value) && value >= least && value <= most)
            ? [.. list.EnumerateArray().Select(item => item.GetDouble())]
            : throw Refuse(name, string.Create(CultureInfo.InvariantCulture, $"is {Shorten(list.GetRawText())}; it is a list of {count} numbers from {least} to {most}"));
    }

    public bool Flag(string name) => Raw(name) switch
    {
        null or { ValueKind: JsonValueKind.False } => false,
        { ValueKind: JsonValueKind.True } => true,
        _ => throw Refuse(name, "is neither true nor false"),
    };

    public string[] Texts(string name, int most, int longest)
    {
        if (Find(name, JsonValueKind.Array, "a list of texts") is not { } list)
            return [];
        if (list.GetArrayLength() > most)
            throw Refuse(name, $"has {list.GetArrayLength()} entries; the limit is {most}");
        return [.. list.EnumerateArray().Select((item, i) =>
            item.ValueKind == JsonValueKind.String && item.GetString() is { Length: > 0 } text && text.Length <= longest ? text
            : throw Refuse($"{name}[{i}]", $"is not a text of 1 to {longest} characters"))];
    }

    /// <summary>The members of an object as they stand, by name.</summary>
    public SortedDictionary<string, JsonElement> Members(string name)
    {
        var members = Find(name, JsonValueKind.Object, "an object")?.EnumerateObject() ?? default;
        return new SortedDictionary<string, JsonElement>(members.ToDictionary(member => member.Name, member => member.Value), StringComparer.Ordinal);
    }

    /// <summary>Refuses what nobody asked for. The value of such a field is never repeated: it may be a key.</summary>
    public void Close()
    {
        foreach (var name in element.EnumerateObject().Select(member => member.Name).Where(name => !_known.Contains(name)))
        {
            throw _secret.Any(word => name.Contains(word, StringComparison.OrdinalIgnoreCase))
                ? Refuse(Shorten(name), "may not stand here: a key goes into an environment variable or a file, which api_key_env or api_key_file names")
                : Refuse(Shorten(name), $"is no field of this object; it has {string.Join(", ", _known.Order(StringComparer.Ordinal))}");
        }
    }

    public CurationException Refuse(string name, string problem) => new($"{Inside(name)} {problem}.");

    public static string Shorten(string text) => text.Length <= 60 ? text : $"{text.AsSpan(0, 60)}…";

    private static ConfigPart Of(string path, JsonElement element) =>
        element.ValueKind == JsonValueKind.Object ? new ConfigPart(path, element) : throw new CurationException($"{path} is not a JSON object; write {{…}}.");

    private JsonElement? Find(string name, JsonValueKind kind, string called) => Raw(name) is not { } found ? null
        : found.ValueKind == kind ? found : throw Refuse(name, $"is not {called}");

    private JsonElement? Raw(string name)
    {
        _known.Add(name);
        return element.TryGetProperty(name, out var found) && found.ValueKind != JsonValueKind.Null ? found : null;
    }

    private string Inside(string name) => path == "the file" ? name : $"{path}.{name}";
}
