using System.Globalization;
using System.Text;

namespace Sana.Curation.Captioning.Config;

/// <summary>
/// A prompt with variables in braces: <c>{original}</c> (the caption that came with the image, at most 2,000 characters, or "none"), <c>{width}</c> and
/// <c>{height}</c> (pixels), <c>{aspect}</c> (width over height, two decimals), <c>{orientation}</c> (landscape, portrait or square), <c>{label}</c> and
/// <c>{model}</c>. A brace itself is written twice.
/// </summary>
public sealed class PromptTemplate
{
    private const int LongestOriginal = 2000;
    private static readonly string[] _variables = ["original", "width", "height", "aspect", "orientation", "label", "model"];
    private readonly List<(string Text, bool Variable)> _parts;

    private PromptTemplate(string text, List<(string, bool)> parts) => (Text, _parts) = (text, parts);

    /// <value>As it was written.</value>
    public string Text { get; }

    /// <value>What stands between the variables: an answer that repeats it is an echo.</value>
    internal IEnumerable<string> Literals => _parts.Where(part => !part.Variable).Select(part => part.Text);

    /// <summary>Reads a template.</summary>
    /// <exception cref="FormatException">A variable is unknown or a brace stands alone; the message is a part of a sentence.</exception>
    public static PromptTemplate Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = new List<(string, bool)>();
        var literal = new StringBuilder();
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] is not ('{' or '}'))
            {
                literal.Append(text[i]);
            }
            else if (i + 1 < text.Length && text[i + 1] == text[i])
            {
                literal.Append(text[i++]);
            }
            else
            {
                var end = text[i] == '{' ? text.IndexOf('}', i) : -1;
                var name = end < 0 ? null : text[(i + 1)..end];
                if (!_variables.Contains(name))
                    throw new FormatException(name is null ? $"has a brace alone at character {i + 1}; write it twice"
                        : $"has the variable {{{ConfigPart.Shorten(name)}}}; there are {{{string.Join("}, {", _variables)}}}, and a brace itself is written twice");
                parts.Add((literal.ToString(), false));
                parts.Add((name!, true));
                literal.Clear();
                i = end;
            }
        }

        parts.Add((literal.ToString(), false));
        return new PromptTemplate(text, parts);
    }

    /// <summary>The prompt for one image.</summary>
    public string Fill(CaptionAsk ask, string label, string model)
    {
        ArgumentNullException.ThrowIfNull(ask);
        return string.Concat(_parts.Select(part => !part.Variable ? part.Text : part.Text switch
        {
            "original" => ask.Original is not { Length: > 0 } original ? "none" : original.Length <= LongestOriginal ? original : original[..LongestOriginal],
            "width" => ask.Width.ToString(CultureInfo.InvariantCulture),
            "height" => ask.Height.ToString(CultureInfo.InvariantCulture),
            "aspect" => ((double)ask.Width / Math.Max(1, ask.Height)).ToString("0.00", CultureInfo.InvariantCulture),
            "orientation" => ask.Width > ask.Height ? "landscape" : ask.Width < ask.Height ? "portrait" : "square",
            "label" => label,
            _ => model,
        }));
    }

    /// <inheritdoc/>
    public override string ToString() => Text;
}
