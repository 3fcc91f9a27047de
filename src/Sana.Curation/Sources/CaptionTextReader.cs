using System.Globalization;
using System.Text;

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
        return new Caption(folded.EnumerateRunes().Any(IsSeen) ? folded : null, null, isCut ? Reasons.CaptionLength : null);
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

    // Joiners, soft hyphens, variation selectors, fillers and the blank of Braille draw nothing: a caption of these alone is none.
    private static bool IsSeen(Rune rune) => Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Format or UnicodeCategory.Control or UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator
        or UnicodeCategory.ParagraphSeparator or UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark)
            && rune.Value is not (0x115F or 0x1160 or 0x2800 or 0x3164 or 0xFFA0);

    // Bidi marks and overrides, the mark of byte order, tag letters, and code points that are no characters.
    private static bool IsInvisible(int value) => value is 0x061C or 0x200E or 0x200F or (>= 0x202A and <= 0x202E) or (>= 0x2066 and <= 0x2069) or 0xFEFF
        or (>= 0xE0000 and <= 0xE007F) or (>= 0xFDD0 and <= 0xFDEF) || (value & 0xFFFE) == 0xFFFE;
}

/// <summary>A caption as it was read.</summary>
/// <param name="Text">Clean text; null when there is none.</param>
/// <param name="Encoding">What it was in, when not UTF-8.</param>
/// <param name="Note">caption_encoding when no encoding fits, caption_length when it was cut; else null.</param>
internal readonly record struct Caption(string? Text, string? Encoding, string? Note);
