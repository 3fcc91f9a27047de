using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sana.Inference.Imaging;
using Sana.StillLife.Analysis;
using Sana.StillLife.Captions;
using Sana.Storage;

namespace Sana.Local.Evaluation.Report;

/// <summary>Writes a report into a folder: figures for programs, tables for people, plots, a sheet of samples, and what was seen in every image.</summary>
internal static class EvalFiles
{
    // A row of the sheet is a category; the first image of each of its first prompts.
    private const int Columns = 8;

    public static void Write(string folder, EvalReport report, IReadOnlyList<Drawn> main)
    {
        Directory.CreateDirectory(folder);
        (string Name, string Svg)[] plots = [.. EvalPlots.Of(report)];
        foreach (var (name, svg) in plots)
            File.WriteAllText(Path.Combine(folder, name), svg);
        File.WriteAllText(Path.Combine(folder, "eval.json"), JsonSerializer.Serialize(report, EvalJson.Indented.EvalReport) + "\n");
        File.WriteAllText(Path.Combine(folder, "eval.md"), EvalMarkdown.Of(report, [.. plots.Select(plot => plot.Name)]));

        var images = report.Categories.Count > 0 ? report.Categories[0].Figure.Images / report.Categories[0].Prompts : 1;
        File.WriteAllLines(Path.Combine(folder, "images.jsonl"), ImageRow.Of(main, images).Select(row => JsonSerializer.Serialize(row, EvalJson.Line.ImageRow)));
        RgbImage?[] samples =
        [
            .. main.GroupBy(one => one.Prompt.Category).SelectMany(group => Enumerable.Range(0, Columns).Select(i => group.ElementAtOrDefault(i * images)?.Image)),
        ];
        File.WriteAllBytes(Path.Combine(folder, "samples.png"), ImageCodec.Encode(ImageGrid.Of(samples, Columns, report.Side), ImageFormat.Png));
    }
}

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
        Line(text, $"Prompts of held-out combinations, judged by reading the pixels; {report.Setting.Solver}, {Counted.Of(report.Setting.Steps, "step")}, guidance {report.Setting.Guidance}, {report.Side} px, seed {report.Seed}. Intervals are Wilson's, 95 %. Checkpoint {report.Fingerprint[..12]}{string.Concat((report.Lora ?? []).Select(use => string.Create(CultureInfo.InvariantCulture, $", adapter {use.Name} {use.Sha256![..12]} at weight {use.Weight}")))}{(report.Clip is null ? "" : $", scores (100 × cosine) by {report.Clip} {report.ClipFingerprint![..12]}")}.");
        Table(text, "Prompt following", "category", report.Categories.Select(row => (row.Category, row.Figure)).Append(("all", report.Overall)));
        Line(text, $"");
        Line(text, $"The last share is the mean of the six. {(report.Unusable > 0 ? $"{Counted.Of(report.Unusable, "image")} came out broken and {(report.Unusable == 1 ? "counts" : "count")} as not met." : "No image came out broken.")} What was seen in each stands in `images.jsonl`.");
        Table(text, "Best of N by score", "N", report.BestOf.Select(row => (row.N.ToString(CultureInfo.InvariantCulture), row.Figure)), Plot("best-of.svg"));
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
        Line(text, $"| {first} | met | of | share | interval |{(clip ? " score |" : "")}{(distance ? " Fréchet distance |" : "")}");
        Line(text, $"|---|---:|---:|---:|---|{(clip ? "---:|" : "")}{(distance ? "---:|" : "")}");
        foreach (var (name, figure) in all)
            Line(text, $"| {name} | {figure.Met} | {figure.Images} | {figure.Share:0.000} | {figure.Low:0.000}…{figure.High:0.000} |{(clip ? $" {figure.ClipScore:0.00} |" : "")}{(distance ? $" {figure.Frechet:0.0000} |" : "")}");
    }

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}

/// <summary>How reports of evaluations are written: <c>eval.json</c> is read by people too.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(EvalReport))]
[JsonSerializable(typeof(EvalOutcome))]
[JsonSerializable(typeof(ImageRow))]
[JsonSerializable(typeof(LayoutOutcome))]
internal sealed partial class EvalJson : JsonSerializerContext
{
    public static EvalJson Indented { get; } = new(Written(indented: true));

    public static EvalJson Line { get; } = new(Written(indented: false));

    private static JsonSerializerOptions Written(bool indented) => new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = indented,
        NewLine = "\n",
    };
}

/// <summary>Of <c>sana eval --json</c>.</summary>
internal sealed record EvalOutcome(string Place, EvalReport Report, IReadOnlyList<Regression> Regressions, double Seconds);

/// <summary>Of <c>sana eval --layout --json</c>.</summary>
internal sealed record LayoutOutcome(string Place, string Layout, int Prompts, int Images, int Failed);

/// <summary>A line of <c>images.jsonl</c>: one image of the main set, and why it counts or does not.</summary>
/// <param name="Category">GenEval's name.</param>
/// <param name="Prompt">What was asked for.</param>
/// <param name="Image">Which of the prompt's images, from 0.</param>
/// <param name="Met">Whether it shows that.</param>
/// <param name="Seen">The objects that the analyser finds, in reading order; null where the network gave no image that can be used.</param>
internal sealed record ImageRow(string Category, string Prompt, int Image, bool Met, IReadOnlyList<SeenRow>? Seen)
{
    /// <param name="main">All images, those of one prompt together.</param>
    /// <param name="images">Of each prompt.</param>
    public static IEnumerable<ImageRow> Of(IReadOnlyList<Drawn> main, int images) =>
        main.Select((one, i) => new ImageRow(CategoryName.Of(one.Prompt.Category), one.Prompt.Text, i % images, one.IsMet, one.Seen is null ? null : [.. one.Seen.Objects.Select(SeenRow.Of)]));
}

/// <summary>One object that the analyser finds.</summary>
/// <param name="Name">Colour and shape.</param>
/// <param name="X">Its centre from the left, 0 to 1.</param>
/// <param name="Y">Its centre from the top, 0 to 1.</param>
/// <param name="Radius">0 to 1 of the picture's side.</param>
internal sealed record SeenRow(string Name, double X, double Y, double Radius)
{
    public static SeenRow Of(SeenObject one) => new($"{SceneWords.Of(one.Colour)} {SceneWords.Of(one.Shape)}", Math.Round(one.X, 3), Math.Round(one.Y, 3), Math.Round(one.Radius, 3));
}
