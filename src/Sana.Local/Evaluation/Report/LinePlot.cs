using System.Globalization;
using System.Net;
using System.Text;

namespace Sana.Local.Evaluation.Report;

/// <summary>Some lines over one axis.</summary>
/// <param name="Title">What the upright axis shows.</param>
/// <param name="Across">What the level axis shows.</param>
/// <param name="Lines">The lines, each with its name and its points from left to right.</param>
internal sealed record Panel(string Title, string Across, IReadOnlyList<(string Name, IReadOnlyList<(double X, double Y)> Points)> Lines);

/// <summary>Line plots side by side as SVG: fixed sizes, no script, the same bytes for the same numbers.</summary>
internal static class LinePlot
{
    private const double Width = 360, Height = 270, Left = 56, Right = 16, Top = 40, Bottom = 62;

    private static readonly string[] Colours = ["#2855d7", "#d62828", "#32a046", "#823cb4"];

    public static string Svg(IReadOnlyList<Panel> panels)
    {
        var svg = new StringBuilder();
        Append(svg, $"""<svg xmlns="http://www.w3.org/2000/svg" width="{panels.Count * Width}" height="{Height}" viewBox="0 0 {panels.Count * Width} {Height}" font-family="system-ui, sans-serif" font-size="12" fill="#333">""");
        Append(svg, $"""<rect width="{panels.Count * Width}" height="{Height}" fill="#fff"/>""");
        for (var i = 0; i < panels.Count; i++)
        {
            Append(svg, $"""<g transform="translate({i * Width} 0)">""");
            Draw(svg, panels[i]);
            Append(svg, $"</g>");
        }

        return svg.Append("</svg>\n").ToString();
    }

    private static void Draw(StringBuilder svg, Panel panel)
    {
        double[] across = [.. panel.Lines.SelectMany(line => line.Points.Select(point => point.X)).Distinct().Order()];
        double[] heights = [.. panel.Lines.SelectMany(line => line.Points.Select(point => point.Y))];
        var ticks = Ticks(heights.Min(), heights.Max());
        var (low, high) = (ticks[0], ticks[^1]);

        Append(svg, $"""<text x="{Left}" y="22" font-size="14" font-weight="600">{Text(panel.Title)}</text>""");
        foreach (var tick in ticks)
        {
            Append(svg, $"""<line x1="{Left}" x2="{Width - Right}" y1="{Y(tick)}" y2="{Y(tick)}" stroke="#e4e4e4"/>""");
            Append(svg, $"""<text x="{Left - 8}" y="{Y(tick) + 4}" text-anchor="end">{Math.Round(tick, 6)}</text>""");
        }

        foreach (var value in across)
            Append(svg, $"""<text x="{X(value)}" y="{Height - Bottom + 18}" text-anchor="middle">{value}</text>""");
        Append(svg, $"""<text x="{(Left + Width - Right) / 2}" y="{Height - Bottom + 36}" text-anchor="middle" fill="#666">{Text(panel.Across)}</text>""");
        for (var i = 0; i < panel.Lines.Count; i++)
            DrawLine(svg, panel.Lines[i], i, panel.Lines.Count > 1);

        // Values stand at equal distances: steps and scales are chosen so that each is as telling as the next.
        double X(double value) => Math.Round(Left + 14 + (Array.IndexOf(across, value) * (Width - Left - Right - 28) / Math.Max(across.Length - 1, 1)), 2);
        double Y(double value) => Math.Round(Top + ((high - value) / (high - low) * (Height - Top - Bottom)), 2);

        void DrawLine(StringBuilder to, (string Name, IReadOnlyList<(double X, double Y)> Points) line, int i, bool named)
        {
            var colour = Colours[i % Colours.Length];
            var points = string.Join(' ', line.Points.Select(point => string.Create(CultureInfo.InvariantCulture, $"{X(point.X)},{Y(point.Y)}")));
            Append(to, $"""<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>""");
            foreach (var point in line.Points)
                Append(to, $"""<circle cx="{X(point.X)}" cy="{Y(point.Y)}" r="3.5" fill="{colour}"/>""");
            if (named)
                Append(to, $"""<circle cx="{Left + 6 + (i * 110)}" cy="{Height - 12}" r="4" fill="{colour}"/><text x="{Left + 16 + (i * 110)}" y="{Height - 8}">{Text(line.Name)}</text>""");
        }
    }

    /// <summary>Three to six round numbers that enclose a range.</summary>
    internal static double[] Ticks(double low, double high)
    {
        var span = Math.Max(high - low, 1e-3);
        var rough = span / 4;
        var ten = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        var step = ten * (rough / ten <= 1 ? 1 : rough / ten <= 2 ? 2 : rough / ten <= 5 ? 5 : 10);
        var (first, last) = (Math.Floor((low / step) + 1e-9), Math.Ceiling((high / step) - 1e-9));
        return [.. Enumerable.Range(0, (int)Math.Max(last - first, 1) + 1).Select(i => (first + i) * step)];
    }

    private static string Text(string text) => WebUtility.HtmlEncode(text);

    private static void Append(StringBuilder svg, FormattableString part) => svg.Append(part.ToString(CultureInfo.InvariantCulture)).Append('\n');
}

/// <summary>The plots of a report: file names with their SVG.</summary>
internal static class EvalPlots
{
    public static IEnumerable<(string Name, string Svg)> Of(EvalReport report)
    {
        if (report.Steps.Count > 0)
        {
            (string, IReadOnlyList<(double, Figure)>)[] lines =
                [.. report.Steps.GroupBy(row => row.Setting.Solver).Select(solver => (solver.Key, (IReadOnlyList<(double, Figure)>)[.. solver.OrderBy(row => row.Setting.Steps).Select(row => ((double)row.Setting.Steps, row.Figure))]))];
            yield return ("steps.svg", Svg("steps", lines));
        }

        if (report.Guidance.Count > 0)
            yield return ("guidance.svg", Svg("guidance", [(report.Setting.Solver, [.. report.Guidance.OrderBy(row => row.Setting.Guidance).Select(row => (row.Setting.Guidance, row.Figure))])]));
        if (report.BestOf.Count > 1)
            yield return ("best-of.svg", Svg("images to choose from", [("best of N", [.. report.BestOf.Select(row => ((double)row.N, row.Figure))])]));
    }

    private static string Svg(string across, IReadOnlyList<(string Name, IReadOnlyList<(double X, Figure Figure)> Points)> lines)
    {
        Panel[] panels = [Panel("Prompts met", figure => figure.Share), Panel("Score", figure => figure.ClipScore), Panel("Fréchet distance", figure => figure.Frechet)];
        return LinePlot.Svg([.. panels.Where(panel => panel.Lines.Any(line => line.Points.Count > 0))]);

        Panel Panel(string title, Func<Figure, double?> value) =>
            new(title, across, [.. lines.Select(line => (line.Name, (IReadOnlyList<(double, double)>)[.. line.Points.Where(point => value(point.Figure) is not null).Select(point => (point.X, value(point.Figure)!.Value))]))]);
    }
}
