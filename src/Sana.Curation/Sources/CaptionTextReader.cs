using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Sana.Curation.Sources;

/// <summary>
/// A caption as its bytes give it: byte order mark, else strict UTF-8, else the configured encoding, else nothing. Text is never mended with question marks.
/// What remains is NFC on one line, without controls, bidi marks and invisible tags, which a trainer would learn and nobody would see.
/// </summary>
internal sealed class CaptionTextReader(Encoding? fallback, int maxLength)
{
    private static readonly UTF8Encoding _utf8 = new(false, throwOnInvalidBytes: true);

    // The longer mark first: UTF-32's begins with UTF-16's.
    private static readonly (byte[] Mark, Encoding Encoding, string? Name)[] _marks =
    [
        ([0xEF, 0xBB, 0xBF], _utf8, null),
        ([0xFF, 0xFE, 0x00, 0x00], new UTF32Encoding(bigEndian: false, byteOrderMark: true, throwOnInvalidCharacters: true), "utf-32"),
        ([0x00, 0x00, 0xFE, 0xFF], new UTF32Encoding(bigEndian: true, byteOrderMark: true, throwOnInvalidCharacters: true), "utf-32BE"),
        ([0xFF, 0xFE], new UnicodeEncoding(bigEndian: false, byteOrderMark: true, throwOnInvalidBytes: true), "utf-16"),
        ([0xFE, 0xFF], new UnicodeEncoding(bigEndian: true, byteOrderMark: true, throwOnInvalidBytes: true), "utf-16BE"),
    ];

    /// <summary>Reads a caption.</summary>
    public Caption Read(ReadOnlySpan<byte> bytes) => Decode(bytes, out var encoding) is { } text
        ? Clean(text) with { Encoding = encoding }
        : new Caption(null, null, Reasons.CaptionEncoding);

    /// <summary>The text of some bytes and the encoding's name when it was not UTF-8; null when no encoding fits.</summary>
    public string? Decode(ReadOnlySpan<byte> bytes, out string? encoding)
    {
        encoding = null;
        foreach (var (mark, marked, name) in _marks)
        {
            if (bytes.StartsWith(mark))
            {
                encoding = name;
                return Strict(marked, bytes[mark.Length..]);
            }
        }

        if (Strict(_utf8, bytes) is { } plain)
            return plain;
        if (fallback is null)
            return null;
        encoding = fallback.WebName;
        return Strict(fallback, bytes);
    }

    /// <summary>Cleans a caption that is text already.</summary>
    public Caption Clean(string text)
    {
        var kept = new StringBuilder(Math.Min(text.Length, maxLength));
        var (isBlank, isCut) = (false, false);
        foreach (var rune in text.EnumerateRunes())
        {
            if (Rune.IsWhiteSpace(rune) || Rune.GetUnicodeCategory(rune) == UnicodeCategory.Control)
            {
                isBlank |= Rune.IsWhiteSpace(rune);
                continue;
            }

            if (IsInvisible(rune.Value))
                continue;
            // NFC can only lengthen a text a little; the limit is on what was written.
            if (kept.Length + rune.Utf16SequenceLength + 1 > maxLength)
            {
                isCut = true;
                break;
            }

            if (isBlank && kept.Length > 0)
                kept.Append(' ');
            isBlank = false;
            kept.Append(rune.ToString());
        }

        var folded = kept.ToString().Normalize(NormalizationForm.FormC);
        return new Caption(folded.Length == 0 ? null : folded, null, isCut ? Reasons.CaptionLength : null);
    }

    private static string? Strict(Encoding encoding, ReadOnlySpan<byte> bytes)
    {
        try
        {
            return encoding.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    // Bidi marks and overrides, the mark of byte order, tag letters, and code points that are no characters.
    private static bool IsInvisible(int value) => value is 0x061C or 0x200E or 0x200F or (>= 0x202A and <= 0x202E) or (>= 0x2066 and <= 0x2069) or 0xFEFF
        or (>= 0xE0000 and <= 0xE007F) or (>= 0xFDD0 and <= 0xFDEF) || (value & 0xFFFE) == 0xFFFE;
}

/// <summary>A caption as it was read.</summary>
/// <param name="Text">Clean text; null when there is none.</param>
/// <param name="Encoding">What it was in, when not UTF-8.</param>
/// <param name="Note">caption_encoding when no encoding fits, caption_length when it was cut; else null.</param>
internal readonly record struct Caption(string? Text, string? Encoding, string? Note);

/// <summary>
/// What a sidecar says of its image: <c>a.txt</c> is a caption, <c>a.json</c> an object with <c>prompt</c>, <c>caption</c> or <c>text</c>, and <c>licence</c>
/// or <c>license</c>.
/// </summary>
/// <param name="Caption">The caption; without text when there is none.</param>
/// <param name="Licence">The licence; null when nothing is said.</param>
internal readonly record struct CaptionSidecar(Caption Caption, string? Licence)
{
    private const int MaxLicence = 200;

    private static readonly string[] _captions = ["prompt", "caption", "text"];
    private static readonly string[] _licences = ["licence", "license"];
    private static readonly JsonDocumentOptions _json = new() { MaxDepth = 64 };

    /// <summary>Reads one; null when its bytes are not what its name says.</summary>
    /// <remarks>Of a text the whole is taken, its lines joined: a caption of several paragraphs would lose all but one otherwise, and what is too long is seen by the length rules.</remarks>
    public static CaptionSidecar? Read(string name, byte[] bytes, CaptionTextReader captions) =>
        FileNames.Kind(name) == FileKind.CaptionJson ? ReadJson(bytes, captions) : new CaptionSidecar(captions.Read(bytes), null);

    private static CaptionSidecar? ReadJson(byte[] bytes, CaptionTextReader captions)
    {
        if (captions.Decode(bytes, out var encoding) is not { } text)
            return null;
        try
        {
            using var json = JsonDocument.Parse(text, _json);
            if (json.RootElement.ValueKind != JsonValueKind.Object)
                return null;
            var caption = Word(json.RootElement, _captions) is { } found ? captions.Clean(found) with { Encoding = encoding } : default;
            return new CaptionSidecar(caption, Word(json.RootElement, _licences) is { } licence ? Short(captions.Clean(licence).Text) : null);
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
