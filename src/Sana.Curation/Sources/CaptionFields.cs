using System.Text.Json;

namespace Sana.Curation.Sources;

/// <summary>
/// Which fields of a row, a sidecar or a table hold captions. By default those whose name says so (caption, text, prompt, description, sentences …), where
/// title, alt and summary count only for a row without one
/// of the others; or exactly the ones that were named.
/// </summary>
internal sealed class CaptionFields(IReadOnlyList<string>? named)
{
    /// <summary>From this rank on a field is taken only when none before it has a caption.</summary>
    public const int Weak = 20;

    private const int Plain = 10;

    private static readonly string[] _first = ["caption", "prompt", "text", "top_caption"];
    private static readonly HashSet<string> _strong = new(StringComparer.Ordinal) { "caption", "recaption", "text", "txt", "prompt", "description", "desc",
        "sentence" };
    private static readonly HashSet<string> _weak = new(StringComparer.Ordinal) { "title", "alt", "alttext", "summary", "raw", "comment" };
    private static readonly HashSet<string> _plain = new(StringComparer.Ordinal) { "caption", "text", "txt", "prompt", "cap", "top_caption", "captions",
        "texts", "prompts", "sentences" };

    // A field about a caption is none: caption_score, text_length, prompt_id, negative_prompt.
    private static readonly HashSet<string> _about = new(StringComparer.Ordinal)
    {
        "negative", "neg", "id", "idx", "index", "hash", "md5", "sha256", "path", "file", "filename", "name", "url", "uri", "link", "lang", "language",
            "len", "length", "num", "n", "count", "score", "similarity",
        "model", "source", "src", "token", "encoding", "font", "color", "colour", "type", "format", "embedding", "emb", "prob", "width", "height", "size",
            "date", "time", "version", "key", "status", "licence",
        "license", "author", "seed", "clip", "nsfw", "reason", "bbox", "box", "is", "has", "error", "label", "labels", "licenses", "upsampled", "number",
    };

    /// <summary>Whether the fields were named.</summary>
    public bool AreNamed => named is { Count: > 0 };

    /// <summary>The order in which a field's captions come, lower first; null for a field that holds none.</summary>
    public int? Rank(string name)
    {
        if (named is { Count: > 0 })
            return Enumerable.Range(0, named.Count).Where(at => string.Equals(named[at], name, StringComparison.OrdinalIgnoreCase)).Select(at => (int?)at)
                .FirstOrDefault();
        var first = Array.FindIndex(_first, each => string.Equals(each, name, StringComparison.OrdinalIgnoreCase));
        if (first >= 0)
            return first;
        var words = Words(name);
        return words.Any(_about.Contains) ? null : words.Any(_strong.Contains) ? Plain : words.Any(_weak.Contains) ? Weak : null;
    }

    /// <summary>Whether a name says nothing more than that it is a caption, so that it makes no label.</summary>
    public static bool IsPlain(string name) => _plain.Contains(name.ToLowerInvariant());

    /// <summary>The words of a name, lower case and without a plural's s: <c>imageCaptions_en</c> is image, caption, en.</summary>
    public static List<string> Words(string name)
    {
        var (words, from) = (new List<string>(), 0);
        for (var at = 0; at <= name.Length && at <= 200; at++)
        {
            var isEnd = at == name.Length || !char.IsLetterOrDigit(name[at]);
            if (!isEnd && !(at > from && char.IsUpper(name[at]) && char.IsLower(name[at - 1])))
                continue;
            if (at > from)
                words.Add(Singular(name[from..at].ToLowerInvariant()));
            from = isEnd ? at + 1 : at;
        }

        return words;
    }

    private static string Singular(string word) => word.Length > 3 && word.EndsWith('s') && !word.EndsWith("ss", StringComparison.Ordinal) ? word[..^1] : word;
}

/// <summary>One caption of a source.</summary>
/// <param name="Text">NFC on one line.</param>
/// <param name="Field">The field, member or label that it came from; null where that says nothing.</param>
/// <param name="Encoding">What it was in, when not UTF-8.</param>
/// <param name="IsLabel">Whether the field is a label that a dataset of this program gave it.</param>
public sealed record SourceCaption(string Text, string? Field = null, string? Encoding = null, bool IsLabel = false);

/// <summary>Captions that a JSON object holds: texts, lists of texts, lists of objects with a text, and the first answer of a conversation.</summary>
internal static class JsonCaptions
{
    private static readonly string[] _conversations = ["conversations", "messages", "conversation"];
    private static readonly string[] _speaker = ["from", "role"];
    private static readonly string[] _words = ["value", "content"];
    private static readonly string[] _inner = ["raw", "value", "content", "en"];

    /// <summary>Every caption of an object with the field that it stands in, those of the best fields first.</summary>
    /// <param name="row">An object.</param>
    /// <param name="fields">Which fields are captions.</param>
    /// <param name="note">Takes the name of each field with words that was not taken.</param>
    /// <param name="wrong">Takes the name of each caption field that holds no text.</param>
    public static List<(string Text, string Field)> Of(JsonElement row, CaptionFields fields, Action<string>? note, Action<string>? wrong)
    {
        var ranked = new List<(int Rank, JsonProperty Property)>();
        foreach (var property in row.EnumerateObject())
        {
            if (fields.Rank(property.Name) is { } rank)
                ranked.Add((rank, property));
            else if (note is not null && property.Value.ValueKind == JsonValueKind.String && HasWords(property.Value.GetString()))
                note(property.Name);
        }

        var found = new List<(string, string)>();
        foreach (var (rank, property) in ranked.OrderBy(each => each.Rank))
        {
            if (rank >= CaptionFields.Weak && found.Count > 0)
            {
                note?.Invoke(property.Name);
                continue;
            }

            var before = found.Count;
            Take(property.Value, property.Name, fields, found, depth: 0);
            if (found.Count == before && property.Value.ValueKind is JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False)
                wrong?.Invoke(property.Name);
        }

        if (found.Count == 0 && !fields.AreNamed && _conversations.Select(name => Get(row, name))
            .FirstOrDefault(value => value is { ValueKind: JsonValueKind.Array }) is { } turns && Answer(turns) is { } answer)
            found.Add((answer, "caption"));
        return found;
    }

    /// <summary>Whether a text is a sentence rather than a name or a number.</summary>
    public static bool HasWords(string? text) => text is not null && text.Length >= 8 && text.AsSpan().Trim().Count(' ') >= 2;

    private static void Take(JsonElement value, string field, CaptionFields fields, List<(string, string)> found, int depth)
    {
        if (depth > 3)
            return;
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                found.Add((value.GetString()!, field));
                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray())
                {
                    if (item.ValueKind != JsonValueKind.Object)
                        Take(item, field, fields, found, depth + 1);
                    else if (Inner(item, fields) is { } inner)
                        Take(inner, field, fields, found, depth + 1);
                }

                break;
            case JsonValueKind.Object:
                foreach (var member in value.EnumerateObject().Where(member => member.Value.ValueKind is JsonValueKind.String or JsonValueKind.Array))
                    Take(member.Value, member.Name, fields, found, depth + 1);
                break;
        }
    }

    private static JsonElement? Inner(JsonElement item, CaptionFields fields) =>
        item.EnumerateObject().Select(member => (Rank: fields.Rank(member.Name) ?? (Array.IndexOf(_inner, member.Name) is >= 0 and var at ? 100 + at
            : int.MaxValue), member.Value))
            .Where(member => member.Rank < int.MaxValue && member.Value.ValueKind == JsonValueKind.String).OrderBy(member => member.Rank)
                .Select(member => (JsonElement?)member.Value).FirstOrDefault();

    // The first answer describes the image; what comes after answers questions about it.
    private static string? Answer(JsonElement turns)
    {
        foreach (var turn in turns.EnumerateArray().Where(turn => turn.ValueKind == JsonValueKind.Object))
        {
            var speaker = _speaker.Select(name => Get(turn, name)).FirstOrDefault(value => value is { ValueKind: JsonValueKind.String })?.GetString();
            var words = _words.Select(name => Get(turn, name)).FirstOrDefault(value => value is { ValueKind: JsonValueKind.String })?.GetString();
            if (speaker is "gpt" or "assistant" or "model" && !string.IsNullOrWhiteSpace(words))
                return words;
        }

        return null;
    }

    private static JsonElement? Get(JsonElement json, string name) => json.TryGetProperty(name, out var value) ? value : null;
}
