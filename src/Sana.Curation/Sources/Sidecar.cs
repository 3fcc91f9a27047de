using System.Text.Json;

namespace Sana.Curation.Sources;

/// <summary>What a sidecar says of its image: <c>a.txt</c> is a caption, <c>a.json</c> an object with <c>prompt</c>, <c>caption</c> or <c>text</c>, and <c>licence</c> or <c>license</c>.</summary>
/// <param name="Caption">The caption; without text when there is none.</param>
/// <param name="Licence">The licence; null when nothing is said.</param>
internal readonly record struct Sidecar(Caption Caption, string? Licence)
{
    private const int MaxLicence = 200;

    private static readonly string[] _captions = ["prompt", "caption", "text"];
    private static readonly string[] _licences = ["licence", "license"];
    private static readonly JsonDocumentOptions _json = new() { MaxDepth = 64 };

    /// <summary>Reads one; null when its bytes are not what its name says.</summary>
    /// <remarks>Of a text the whole is taken, its lines joined: a caption of several paragraphs would lose all but one otherwise, and what is too long is seen by the length rules.</remarks>
    public static Sidecar? Read(string name, byte[] bytes, CaptionText captions) =>
        FileNames.Kind(name) == FileKind.CaptionJson ? ReadJson(bytes, captions) : new Sidecar(captions.Read(bytes), null);

    private static Sidecar? ReadJson(byte[] bytes, CaptionText captions)
    {
        if (captions.Decode(bytes, out var encoding) is not { } text)
            return null;
        try
        {
            using var json = JsonDocument.Parse(text, _json);
            if (json.RootElement.ValueKind != JsonValueKind.Object)
                return null;
            var caption = Word(json.RootElement, _captions) is { } found ? captions.Clean(found) with { Encoding = encoding } : default;
            return new Sidecar(caption, Word(json.RootElement, _licences) is { } licence ? Short(captions.Clean(licence).Text) : null);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // Half a surrogate pair in an escape is no text, which only reading the string tells.
            return null;
        }
    }

    /// <summary>A licence as records keep it.</summary>
    public static string? Short(string? licence) => licence?.Length > MaxLicence ? licence[..MaxLicence] : licence;

    private static string? Word(JsonElement json, string[] names)
    {
        foreach (var name in names)
        {
            if (json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text)
                return text;
        }

        return null;
    }
}
