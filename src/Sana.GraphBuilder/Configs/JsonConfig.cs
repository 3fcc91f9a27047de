using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Configs;

/// <summary>
/// A config.json. Every value is read with the range or the words that are allowed. A key that is missing or null has its default value; a key without a default is required.
/// </summary>
internal sealed class JsonConfig
{
    public const int MaxBytes = 1_000_000;
    private readonly string _file;
    private readonly string _section;
    private readonly JsonElement _root;
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);

    private JsonConfig(string file, string section, JsonElement root)
    {
        _file = file;
        _section = section;
        _root = root;
    }

    /// <summary>Reads the file, at most 1 MB of it.</summary>
    /// <exception cref="CheckpointException">It is not there, too long, or not a JSON object.</exception>
    public static JsonConfig Load(string file)
    {
        var bytes = RegularFile.ReadAll(file, MaxBytes);
        if (!Utf8.IsValid(bytes))
            throw new CheckpointException($"{file} is not valid UTF-8; fetch it again.");
        try
        {
            using var json = JsonDocument.Parse(PythonJson.Quoted(bytes), new JsonDocumentOptions { MaxDepth = 32, AllowDuplicateProperties = false });
            return json.RootElement.ValueKind == JsonValueKind.Object
                ? new JsonConfig(file, "", json.RootElement.Clone())
                : throw new CheckpointException($"{file} is not a JSON object; fetch it again.");
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new CheckpointException($"{file} is not JSON: {error.Message}", error);
        }
    }

    /// <summary>A nested object; an empty one, all defaults, when the key is missing.</summary>
    public JsonConfig Section(string key)
    {
        var value = Find(key);
        if (value is { ValueKind: not JsonValueKind.Object })
            throw Wrong(key, "an object");
        return new JsonConfig(_file, $"{_section}{key}.", value ?? default);
    }

    public bool Has(string key) => Find(key) is not null;

    /// <summary>Whether the key is there and says null, where the reference tells that from a key that is missing.</summary>
    public bool IsNull(string key) => _root.ValueKind == JsonValueKind.Object && _root.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Null;

    /// <summary>
    /// Refuses what nothing has read, is not known to be harmless, and says something: a switch that this project does not know would change the results unseen.
    /// Null, false, and lists and objects with nothing in them say nothing.
    /// </summary>
    /// <param name="harmless">Keys without effect on the results. Keys that begin with an underscore are the writer's own.</param>
    /// <exception cref="CheckpointException">There is such a key; it is named.</exception>
    public void RefuseOthers(params IReadOnlyCollection<string> harmless)
    {
        if (_root.ValueKind != JsonValueKind.Object)
            return;
        foreach (var member in _root.EnumerateObject())
        {
            if (!_read.Contains(member.Name) && !harmless.Contains(member.Name) && !member.Name.StartsWith('_') && SaysSomething(member.Value))
                throw new CheckpointException($"{_section}{Quoted.Text(member.Name)} of {_file} is {Quoted.Text(member.Value.GetRawText())}; what it does is not known here, and results would differ unseen: take it out if it has no effect.");
        }
    }

    /// <summary>Refuses a setting of text generation that is not as if it were missing.</summary>
    /// <param name="missing">Keys, with the value that a file without them means; false counts as 0.</param>
    /// <exception cref="CheckpointException">There is such a setting; it is named.</exception>
    public void RefuseDecoding(IReadOnlyDictionary<string, double> missing)
    {
        foreach (var (key, value) in missing)
        {
            var same = Find(key) switch
            {
                null or { ValueKind: JsonValueKind.False } => true,
                { ValueKind: JsonValueKind.Number } number => number.TryGetDouble(out var given) && given == value,
                _ => false,
            };
            if (!same)
                throw new CheckpointException($"{_section}{key} of {_file} is {Quoted.Text(Find(key)!.Value.GetRawText())}, which is not supported: a caption is the likeliest one that is found. Take the field out to have captions made so.");
        }
    }

    /// <summary>Whether the value is a nested object.</summary>
    public bool HasSection(string key) => Find(key)?.ValueKind == JsonValueKind.Object;

    /// <summary>Whether the value is this word; any other value, or none, is no error.</summary>
    public bool Says(string key, string word) => Find(key) is { ValueKind: JsonValueKind.String } value && value.ValueEquals(word);

    public int Integer(string key, int from, int to, int? missing = null)
    {
        if (Find(key) is not { } value)
            return missing ?? throw Missing(key);
        return Whole(value, from, to) ?? throw Wrong(key, $"a whole number from {from} to {to}");
    }

    public double Number(string key, double from, double to, double? missing = null)
    {
        if (Find(key) is not { } value)
            return missing ?? throw Missing(key);
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= from && number <= to
            ? number
            : throw Wrong(key, string.Create(CultureInfo.InvariantCulture, $"a number from {from} to {to}"));
    }

    /// <summary>A number, or null if the file says null: here null does not mean the default.</summary>
    public double? NumberOrNull(string key, double from, double to, double? missing) =>
        Has(key) ? Number(key, from, to) : _root.ValueKind == JsonValueKind.Object && _root.TryGetProperty(key, out _) ? null : missing;

    /// <summary>As many numbers as <paramref name="missing"/> has.</summary>
    public double[] Numbers(string key, double from, double to, double[] missing)
    {
        if (Find(key) is not { } list)
            return missing;
        var expected = string.Create(CultureInfo.InvariantCulture, $"a list of {missing.Length} numbers from {from} to {to}");
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() != missing.Length)
            throw Wrong(key, expected);
        return [.. list.EnumerateArray().Select(item =>
            item.ValueKind == JsonValueKind.Number && item.TryGetDouble(out var number) && number >= from && number <= to ? number : throw Wrong(key, expected))];
    }

    public bool Flag(string key, bool missing) => Find(key)?.ValueKind switch
    {
        null => missing,
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(key, "true or false"),
    };

    /// <summary>True or false, or one other word; as a word.</summary>
    public string FlagOrWord(string key, string word) => Find(key) switch
    {
        { ValueKind: JsonValueKind.True } => "true",
        { ValueKind: JsonValueKind.False } => "false",
        { } value when Known(value, [word]) is not null => word,
        _ => throw Wrong(key, $"true, false or \"{word}\""),
    };

    /// <summary>True or false for each of <paramref name="count"/> stages.</summary>
    public bool[] Flags(string key, int count, bool[] missing)
    {
        if (Find(key) is not { } list)
            return missing;
        return list.ValueKind == JsonValueKind.Array && list.GetArrayLength() == count && list.EnumerateArray().All(item => item.ValueKind is JsonValueKind.True or JsonValueKind.False)
            ? [.. list.EnumerateArray().Select(item => item.GetBoolean())]
            : throw Wrong(key, $"a list of {count} times true or false");
    }

    /// <summary>Whether the value is a list that has this word; any other value, or none, is no error.</summary>
    public bool Lists(string key, string word) =>
        Find(key) is { ValueKind: JsonValueKind.Array } list && list.EnumerateArray().Any(item => item.ValueKind == JsonValueKind.String && item.ValueEquals(word));

    /// <summary>An object of texts by the numbers 0, 1, 2 …, in their order.</summary>
    public string[] Labels(string key, int most)
    {
        var map = Find(key) ?? throw Missing(key);
        if (map.ValueKind != JsonValueKind.Object || map.GetPropertyCount() is var count && (count < 1 || count > most))
            throw Wrong(key, $"an object of 1 to {most} texts");
        return [.. Enumerable.Range(0, count).Select(i => map.TryGetProperty(i.ToString(CultureInfo.InvariantCulture), out var text) && text.ValueKind == JsonValueKind.String
            ? text.GetString()!
            : throw Wrong(key, $"an object of texts under \"0\" to \"{count - 1}\""))];
    }

    /// <summary>One of the words that this project supports.</summary>
    public string Word(string key, string? missing, params ReadOnlySpan<string> supported)
    {
        if (Find(key) is not { } value)
            return missing ?? throw Missing(key);
        return Known(value, supported) ?? throw Wrong(key, OneOf(supported));
    }

    /// <summary>Refuses any other value.</summary>
    public void Only(string key, bool supported)
    {
        if (Flag(key, supported) != supported)
            throw Wrong(key, supported ? "true, the only form that is supported" : "false, the only form that is supported");
    }

    /// <summary>A word for each of <paramref name="count"/> stages; one word alone stands for all.</summary>
    public string[] Words(string key, int count, string? missing, params ReadOnlySpan<string> supported)
    {
        if (Find(key) is not { ValueKind: JsonValueKind.Array } list)
            return [.. Enumerable.Repeat(Word(key, missing, supported), count)];
        var words = new List<string>();
        foreach (var item in list.EnumerateArray())
            words.Add(Known(item, supported) ?? throw Wrong(key, $"a list of {OneOf(supported)}"));
        return words.Count == count ? [.. words] : throw Wrong(key, $"one word or a list of {count}");
    }

    public int[] Integers(string key, int from, int to, int minCount, int maxCount) =>
        Integers(Find(key) ?? throw Missing(key), key, from, to, minCount, maxCount);

    /// <summary>A whole number, or a list of 1 to <paramref name="most"/> of them.</summary>
    public int[] OneOrMore(string key, int from, int to, int most, int? missing) =>
        Find(key) is { ValueKind: JsonValueKind.Array } list ? Integers(list, key, from, to, 1, most) : [Integer(key, from, to, missing)];

    /// <summary>For each of <paramref name="count"/> stages a list of at most four whole numbers.</summary>
    public int[][] IntegerLists(string key, int from, int to, int count)
    {
        var value = Find(key) ?? throw Missing(key);
        return value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == count
            ? [.. value.EnumerateArray().Select(list => Integers(list, key, from, to, 0, 4))]
            : throw Wrong(key, $"a list of {count} lists");
    }

    /// <summary>The error for a value that cannot be used.</summary>
    public CheckpointException Wrong(string key, string expected) =>
        new($"{_section}{key} of {_file} is {Quoted.Text(Find(key)?.GetRawText() ?? "missing")}, but must be {expected}; "
            + "use the config.json that belongs to the weights.");

    private CheckpointException Missing(string key) => new($"{_file} has no {_section}{key}; use the config.json that belongs to the weights.");

    private JsonElement? Find(string key)
    {
        _read.Add(key);
        return Value(key);
    }

    private JsonElement? Value(string key) =>
        _root.ValueKind == JsonValueKind.Object && _root.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private int[] Integers(JsonElement list, string key, int from, int to, int minCount, int maxCount)
    {
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() < minCount || list.GetArrayLength() > maxCount)
            throw Wrong(key, minCount == maxCount ? $"a list of {minCount} whole numbers" : $"a list of {minCount} to {maxCount} whole numbers");
        return [.. list.EnumerateArray().Select(item => Whole(item, from, to) ?? throw Wrong(key, $"whole numbers from {from} to {to}"))];
    }

    private static int? Whole(JsonElement value, int from, int to)
    {
        // Python tools sometimes write 256 as 256.0.
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var number) || number != Math.Floor(number))
            return null;
        return number >= from && number <= to ? (int)number : null;
    }

    private static bool SaysSomething(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => false,
        JsonValueKind.Array => value.GetArrayLength() > 0,
        JsonValueKind.Object => value.EnumerateObject().Any(),
        _ => true,
    };

    private static string? Known(JsonElement value, ReadOnlySpan<string> supported)
    {
        foreach (var word in supported)
        {
            if (value.ValueKind == JsonValueKind.String && value.ValueEquals(word))
                return word;
        }

        return null;
    }

    private static string OneOf(ReadOnlySpan<string> supported) => $"one of {string.Join(", ", supported.ToArray().Select(word => $"\"{word}\""))}";
}
