using System.Text.Json;
using Sana.Inference.Imaging;

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
