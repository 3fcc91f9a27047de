using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Unicode;

namespace Sana.Curation.Report;

/// <summary>Markup. Whatever is put into an interpolated one is encoded, unless it is markup itself: a page has no way to forget it.</summary>
/// <param name="Text">Markup as it goes into the page.</param>
public readonly record struct Html(string Text)
{
    /// <summary>Nothing.</summary>
    public static Html Empty { get; } = new("");

    /// <summary>The markup of an interpolated text; formats are invariant.</summary>
    public static Html Of(Writer markup) => new(markup.ToString());

    /// <summary>One after the other.</summary>
    public static Html Join(IEnumerable<Html> parts) => new(string.Concat(parts.Select(part => part.Text)));

    /// <inheritdoc/>
    public override string ToString() => Text;

    /// <summary>What the compiler makes of an interpolated text.</summary>
    [InterpolatedStringHandler]
    public readonly ref struct Writer
    {
        private readonly StringBuilder _text;

        /// <summary>Called by the compiler.</summary>
        public Writer(int literalLength, int formattedCount) => _text = new StringBuilder(literalLength + (formattedCount * 16));

        /// <summary>Markup.</summary>
        public void AppendLiteral(string markup) => _text.Append(markup);

        /// <summary>Markup.</summary>
        public void AppendFormatted(Html markup) => _text.Append(markup.Text);

        /// <summary>Text, encoded.</summary>
        public void AppendFormatted(string? text) => _text.Append(PlainText.Encode(text));

        /// <summary>A value, encoded.</summary>
        public void AppendFormatted<T>(T value, string? format = null)
            where T : IFormattable => AppendFormatted(value.ToString(format, CultureInfo.InvariantCulture));

        /// <inheritdoc/>
        public override string ToString() => _text.ToString();
    }
}

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

    /// <summary>
    /// Controls, and marks that turn or hide text, as their numbers; halves of letters as the replacement mark. Line ends and tabs stay: they only end lines.
    /// </summary>
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
