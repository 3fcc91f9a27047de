using System.Text.Json;

namespace Sana.Curation.Sources;

/// <summary>
/// What a sidecar says of its image: <c>a.txt</c> is a caption, <c>a.json</c> an object with captions and <c>licence</c> or <c>license</c>, or a list of
/// captions.
/// </summary>
/// <param name="Captions">The captions, the best first.</param>
/// <param name="Licence">The licence; null when nothing is said.</param>
/// <param name="Notes">Codes of what was left out.</param>
internal readonly record struct CaptionSidecar(IReadOnlyList<SourceCaption> Captions, string? Licence, IReadOnlyList<string> Notes)
{
    private const int MaxLicence = 200;

    private static readonly string[] _licences = ["licence", "license"];
    private static readonly JsonDocumentOptions _json = new() { MaxDepth = 64 };

    /// <summary>Reads one; null when its bytes are not what its name says.</summary>
    /// <param name="part">The sidecar.</param>
    /// <param name="bytes">Its bytes.</param>
    /// <param name="texts">Reads captions.</param>
    /// <param name="fields">Which fields of an object are captions.</param>
    /// <remarks>Of a text the whole is taken, its lines joined: a caption of several paragraphs would lose all but one otherwise, and what is too long is
    /// seen by the length rules.</remarks>
    public static CaptionSidecar? Read(SourcePart part, byte[] bytes, CaptionTextReader texts, CaptionFields fields)
    {
        if (FileNames.Kind(part.Name) == FileKind.CaptionJson)
            return ReadJson(part, bytes, texts, fields);
        var caption = texts.Read(bytes);
        return new CaptionSidecar(caption.Text is { } text ? [new SourceCaption(text, part.Field, caption.Encoding)] : [], null, caption.Note is null ? []
            : [caption.Note]);
    }

    private static CaptionSidecar? ReadJson(SourcePart part, byte[] bytes, CaptionTextReader texts, CaptionFields fields)
    {
        if (texts.Decode(bytes, out var encoding) is not { } text)
            return null;
        try
        {
            using var json = JsonDocument.Parse(text, _json);
            var (found, notes, root) = (new List<SourceCaption>(), new List<string>(), json.RootElement);
            if (root.ValueKind == JsonValueKind.Array && root.GetArrayLength() > 0 && root.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String))
            {
                foreach (var item in root.EnumerateArray())
                    Add(item.GetString()!, part.Field);
                return new CaptionSidecar(found, null, notes);
            }

            if (root.ValueKind != JsonValueKind.Object)
                return null;
            // Sana's folder form: {"stem": {"label": "caption"}}.
            if (root.EnumerateObject().Take(2).ToArray() is [{ Value.ValueKind: JsonValueKind.Object } only]
                && FileNames.Last(part.Name).StartsWith(only.Name, StringComparison.Ordinal))
            {
                foreach (var label in only.Value.EnumerateObject().Where(label => label.Value.ValueKind == JsonValueKind.String))
                    Add(label.Value.GetString()!, label.Name, isLabel: true);
                return new CaptionSidecar(found, null, notes);
            }

            // Shards of this program say whose each caption is.
            var (whose, of) = (Word(root, "prompt_label"), Word(root, "caption_label"));
            foreach (var (caption, field) in JsonCaptions.Of(root, fields, null, _ => Note(Reasons.WrongType)))
            {
                if ((field == "prompt" ? whose : field == "caption" ? of : null) is { } label)
                    Add(caption, label, isLabel: true);
                else
                    Add(caption, CaptionFields.IsPlain(field) ? part.Field ?? field : field);
            }

            var licence = _licences.Select(name => Word(root, name)).FirstOrDefault(word => word is not null);
            return new CaptionSidecar(found, licence is null ? null : Short(texts.Clean(licence).Text), notes);

            void Add(string caption, string? field, bool isLabel = false)
            {
                var clean = texts.Clean(caption);
                if (clean.Text is not null)
                    found.Add(new SourceCaption(clean.Text, field, encoding, isLabel));
                if (clean.Note is not null)
                    Note(clean.Note);
            }

            void Note(string code)
            {
                if (!notes.Contains(code))
                    notes.Add(code);
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // Half a surrogate pair in an escape is no text, which only reading the string tells.
            return null;
        }
    }

    /// <summary>A licence as records keep it.</summary>
    public static string? Short(string? licence) => licence?.Length > MaxLicence ? licence[..MaxLicence] : licence;

    private static string? Word(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text ? text : null;
}
