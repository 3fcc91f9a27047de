using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

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
