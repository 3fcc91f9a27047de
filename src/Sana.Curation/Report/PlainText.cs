using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Unicode;

namespace Sana.Curation.Report;

/// <summary>Text from outside, made fit to be looked at: what would steer the reader's screen is written out, not obeyed.</summary>
internal static class PlainText
{
    private static readonly HtmlEncoder _encoder = HtmlEncoder.Create(UnicodeRanges.All);

    /// <summary>The beginning of a text and how much is missing; null stays null.</summary>
    public static string? Cut(string? text, int limit)
    {
        if (text is null || text.Length <= limit)
            return text;
        var end = char.IsHighSurrogate(text[limit - 1]) ? limit - 1 : limit;
        return string.Create(CultureInfo.InvariantCulture, $"{text.AsSpan(0, end)}… ({text.Length - end:N0} more)");
    }

    /// <summary>For markup, in text and in quoted attributes.</summary>
    public static string Encode(string? text) => string.IsNullOrEmpty(text) ? "" : _encoder.Encode(Visible(text));

    /// <summary>Controls, and marks that turn or hide text, as their numbers; halves of letters as the replacement mark. Line ends and tabs stay: they only end lines.</summary>
    public static string Visible(string text)
    {
        StringBuilder? shown = null;
        var at = 0;
        foreach (var letter in text.EnumerateRunes())
        {
            var replaced = Shown(letter);
            if (replaced is not null)
                shown ??= new StringBuilder(text, 0, at, text.Length + 64);
            _ = replaced is null ? shown?.Append(text, at, letter.Utf16SequenceLength) : shown!.Append(replaced);
            at += letter.Utf16SequenceLength;
        }

        return shown?.ToString() ?? text;
    }

    private static string? Shown(Rune letter) => letter.Value switch
    {
        '\n' or '\r' or '\t' => null,
        0x200C or 0x200D => null,      // joiners: letters of several scripts and family emoji are wrong without
        0xFFFD => "\uFFFD",             // what half of a pair is read as
        _ => Rune.GetUnicodeCategory(letter) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse
            ? string.Create(CultureInfo.InvariantCulture, $"[U+{letter.Value:X4}]")
            : null,
    };
}
