using System.Globalization;
using System.Text;

namespace Sana.Local.Evaluation.Report;

/// <summary>The report as Markdown: tables and, beside the file, the plots.</summary>
internal static class EvalMarkdown
{
    /// <param name="report">The figures.</param>
    /// <param name="plots">Names of plots that stand beside the file.</param>
    public static string Of(EvalReport report, IReadOnlyList<string> plots)
    {
        var text = new StringBuilder();
        Line(text, $"# {report.Checkpoint}");
        Line(text, $"");
        Line(text, $"Prompts of held-out combinations, judged by reading the pixels; {report.Setting.Solver}, {report.Setting.Steps} steps, guidance {report.Setting.Guidance}, {report.Side} px, seed {report.Seed}. Intervals are Wilson's, 95 %. Checkpoint {report.Fingerprint[..12]}{(report.Clip is null ? "" : $", CLIP {report.Clip} {report.ClipFingerprint![..12]}")}.");
        Table(text, "Prompt following", "category", report.Categories.Select(row => (row.Category, row.Figure)).Append(("all", report.Overall)));
        Line(text, $"");
        Line(text, $"The last share is the mean of the six. {(report.Unusable > 0 ? $"{report.Unusable} images came out broken and count as not met." : "No image came out broken.")} What was seen in each stands in `images.jsonl`.");
        Table(text, "Best of N by CLIP score", "N", report.BestOf.Select(row => (row.N.ToString(CultureInfo.InvariantCulture), row.Figure)), Plot("best-of.svg"));
        Table(text, "Steps and solver", "solver, steps", report.Steps.Select(row => ($"{row.Setting.Solver}, {row.Setting.Steps}", row.Figure)), Plot("steps.svg"));
        Table(text, "Guidance", "guidance", report.Guidance.Select(row => (row.Setting.Guidance.ToString(CultureInfo.InvariantCulture), row.Figure)), Plot("guidance.svg"));
        return text.ToString();

        string? Plot(string name) => plots.Contains(name) ? name : null;
    }

    private static void Table(StringBuilder text, string title, string first, IEnumerable<(string Name, Figure Figure)> rows, string? plot = null)
    {
        var all = rows.ToArray();
        if (all.Length == 0)
            return;
        Line(text, $"");
        Line(text, $"## {title}");
        Line(text, $"");
        if (plot is not null)
        {
            Line(text, $"![{title}]({plot})");
            Line(text, $"");
        }

        var (clip, distance) = (all.Any(row => row.Figure.ClipScore is not null), all.Any(row => row.Figure.Frechet is not null));
        Line(text, $"| {first} | met | of | share | interval |{(clip ? " CLIP score |" : "")}{(distance ? " Fréchet distance |" : "")}");
        Line(text, $"|---|---:|---:|---:|---|{(clip ? "---:|" : "")}{(distance ? "---:|" : "")}");
        foreach (var (name, figure) in all)
            Line(text, $"| {name} | {figure.Met} | {figure.Images} | {figure.Share:0.000} | {figure.Low:0.000}…{figure.High:0.000} |{(clip ? $" {figure.ClipScore:0.00} |" : "")}{(distance ? $" {figure.Frechet:0.0000} |" : "")}");
    }

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
