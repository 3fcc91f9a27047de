using System.Text;

namespace Sana.Curation.Report;

/// <summary>Text from outside in a Markdown file: shown as it is, never read as markup.</summary>
internal static class Markdown
{
    private const int MostShown = 200;

    /// <summary>
    /// One line of at most <paramref name="limit"/> characters in which every punctuation mark has a backslash before it, as CommonMark has it for literal
    /// ones, or is an entity; controls and marks that turn or hide text stand as their numbers.
    /// </summary>
    public static string Text(string? text, int limit = MostShown)
    {
        var line = new StringBuilder();
        foreach (var letter in PlainText.Visible(PlainText.Cut(text?.Trim(), limit) ?? ""))
        {
            _ = letter switch
            {
                '\n' or '\r' or '\t' => line.Append(' '),
                '<' => line.Append("&lt;"),
                '>' => line.Append("&gt;"),
                '&' => line.Append("&amp;"),
                _ when char.IsAscii(letter) && (char.IsPunctuation(letter) || char.IsSymbol(letter)) => line.Append('\\').Append(letter),
                _ => line.Append(letter),
            };
        }

        return line.ToString();
    }

    /// <summary>A table. Cells are Markdown already.</summary>
    public static string Table(IReadOnlyList<string> head, IEnumerable<IReadOnlyList<string>> rows)
    {
        var table = new StringBuilder();
        Line(head);
        Line([.. head.Select(_ => "---")]);
        foreach (var row in rows)
            Line(row);
        return table.ToString();

        void Line(IReadOnlyList<string> cells) => table.Append("| ").AppendJoin(" | ", cells).Append(" |\n");
    }
}
