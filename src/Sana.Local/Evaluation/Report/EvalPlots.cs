namespace Sana.Local.Evaluation.Report;

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
        Panel[] panels = [Panel("Prompts met", figure => figure.Share), Panel("CLIP score", figure => figure.ClipScore), Panel("Fréchet distance", figure => figure.Frechet)];
        return LinePlot.Svg([.. panels.Where(panel => panel.Lines.Any(line => line.Points.Count > 0))]);

        Panel Panel(string title, Func<Figure, double?> value) =>
            new(title, across, [.. lines.Select(line => (line.Name, (IReadOnlyList<(double, double)>)[.. line.Points.Where(point => value(point.Figure) is not null).Select(point => (point.X, value(point.Figure)!.Value))]))]);
    }
}
