using System.Text;
using System.Text.Json;

namespace Sana.Inference.Text;

/// <summary>Token texts and their ids, both ways. Ids are unique; gaps are allowed.</summary>
internal sealed class Vocabulary
{
    /// <summary>Eight times Gemma's 256,000; the table by id has one slot for each.</summary>
    private const int MaxIds = 2_097_152;
    private const int MaxTokenBytes = 4096;

    private readonly string _file;
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private string?[] _texts = [];

    private Vocabulary(string file, int capacity)
    {
        _file = file;
        _ids = new Dictionary<string, int>(Math.Min(capacity, MaxIds));
        _lookup = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Highest id + 1.</summary>
    public int Size { get; private set; }

    /// <summary>Reads <c>{"text": id, …}</c>.</summary>
    public static Vocabulary Parse(ReadOnlyMemory<byte> json, string file, string key)
    {
        var vocabulary = new Vocabulary(file, json.Length / 16);
        var reader = new Utf8JsonReader(json.Span);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new InferenceException($"{file}: {key} is not a JSON object of token texts and ids; download the checkpoint again.");

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueSpan.Length > MaxTokenBytes)
                throw new InferenceException($"{file}: {key} has a token of {reader.ValueSpan.Length:N0} bytes, the limit is {MaxTokenBytes:N0}; download the checkpoint again.");
            var text = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out var id)) id = -1;
            vocabulary.Add(text, id, key);
        }

        reader.Read(); // nothing but white space may follow
        return vocabulary;
    }

    /// <summary>Adds a token. If the vocabulary has it already, the id must be the same.</summary>
    public void AddOrConfirm(string text, int id, string key)
    {
        if (!_ids.TryGetValue(text, out var known)) Add(text, id, key);
        else if (known != id) throw Refuse(key, text, $"the id {id}, but the vocabulary says {known}");
    }

    public bool TryGetId(ReadOnlySpan<char> text, out int id) => _lookup.TryGetValue(text, out id);

    /// <summary>The id of a token that must be there, named by <paramref name="key"/>.</summary>
    public int Require(string text, string key) => _ids.TryGetValue(text, out var id)
        ? id
        : throw new InferenceException($"{_file}: the token \"{JsonPart.Shorten(text)}\" of {key} is not in the vocabulary; download the checkpoint again.");

    /// <summary>The token's text; null for an id that no token has.</summary>
    public string? Text(int id) => (uint)id < (uint)Size ? _texts[id] : null;

    private void Add(string text, int id, string key)
    {
        if ((uint)id >= MaxIds) throw Refuse(key, text, $"an id that is not a whole number in 0…{MaxIds - 1:N0}");
        if (id >= _texts.Length) Array.Resize(ref _texts, Math.Min(MaxIds, Math.Max(id + 1, _texts.Length * 2)));
        if (_texts[id] is { } other) throw Refuse(key, text, $"the id {id}, which \"{JsonPart.Shorten(other)}\" has too");
        if (!_ids.TryAdd(text, id)) throw Refuse(key, text, "two ids");
        _texts[id] = text;
        Size = Math.Max(Size, id + 1);
    }

    private InferenceException Refuse(string key, string text, string problem) =>
        new($"{_file}: {key} gives the token \"{JsonPart.Shorten(text)}\" {problem}; download the checkpoint again.");
}

/// <summary>The alphabet of byte-level vocabularies (GPT-2's <c>bytes_to_unicode</c>): a printable byte is itself, any other is the next unused letter from U+0100 on.</summary>
internal static class ByteLevelAlphabet
{
    private static readonly char[] _letters = [.. Enumerable.Range(0, 256).Select(LetterOf)];
    private static readonly Dictionary<char, byte> _bytes = _letters.Select((letter, value) => (letter, (byte)value)).ToDictionary();

    public static char Letter(int value) => _letters[value];

    /// <summary>The bytes of a token. A token with other letters (an added token) is taken as UTF-8 text.</summary>
    public static byte[] Bytes(string token)
    {
        var bytes = new byte[token.Length];
        for (var i = 0; i < bytes.Length; i++)
        {
            if (!_bytes.TryGetValue(token[i], out bytes[i])) return Encoding.UTF8.GetBytes(token);
        }

        return bytes;
    }

    private static char LetterOf(int value) => Prints(value) ? (char)value : (char)(256 + Enumerable.Range(0, value).Count(other => !Prints(other)));

    private static bool Prints(int value) => value is (>= 33 and <= 126) or (>= 161 and <= 172) or >= 174;
}
