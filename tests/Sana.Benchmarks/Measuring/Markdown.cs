namespace Sana.Benchmarks.Measuring;

/// <summary>Results as Markdown on standard output.</summary>
internal static class Markdown
{
    public static void Text(string paragraph)
    {
        Console.WriteLine(paragraph);
        Console.WriteLine();
    }

    public static void Table(string[] header, IEnumerable<string[]> rows)
    {
        Row(header);
        Row([.. header.Select((_, column) => column == 0 ? "---" : "---:")]);
        foreach (var row in rows)
        {
            Row(row);
        }

        Console.WriteLine();
    }

    private static void Row(string[] cells) => Console.WriteLine($"| {string.Join(" | ", cells)} |");
}
