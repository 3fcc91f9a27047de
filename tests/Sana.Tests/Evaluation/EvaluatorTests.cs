using System.Text.Json;
using Sana.Inference.Clip;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Local.Evaluation;
using Sana.Local.Evaluation.Report;
using Sana.StillLife.Analysis;
using Sana.StillLife.Evaluation;
using Sana.StillLife.Rendering;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Evaluation;

public sealed class EvaluatorTests : IDisposable
{
    private static readonly EvalOptions Few = new() { PromptsPerCategory = 2, Images = 2, SweepPrompts = 1, MainSteps = 2, Steps = [1, 2], Guidance = [1, 3], Side = 64, BatchSize = 5 };

    private readonly BuiltCheckpoint _checkpoint = BuiltCheckpoint.Copy(BuiltCheckpoint.Plain);
    private readonly BuiltClip _clip = new();
    private readonly TempFolder _folder = new();

    public void Dispose()
    {
        _checkpoint.Dispose();
        _clip.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Every_table_is_there_and_a_second_run_is_the_same_to_the_byte()
    {
        _checkpoint.Build();
        using var scorer = _clip.Scorer();
        var (first, second) = (Json(scorer, Few), Json(scorer, Few));
        var report = RegressionGate.Read(first);

        Assert.Equal(first, second);
        Assert.Equal(["single_object", "two_object", "counting", "colors", "position", "color_attr"], report.Categories.Select(row => row.Category));
        Assert.All(report.Categories, row => Assert.Equal((2, 4), (row.Prompts, row.Figure.Images)));
        Assert.Equal([1, 2], report.BestOf.Select(row => row.N));
        Assert.Equal(["flow-dpm 1", "flow-dpm 2", "flow-euler 1", "flow-euler 2"], report.Steps.Select(row => $"{row.Setting.Solver} {row.Setting.Steps}"));
        Assert.Equal([1, 3], report.Guidance.Select(row => row.Setting.Guidance));
        Assert.All(report.Steps.Concat(report.Guidance), row => Assert.NotNull(row.Figure.Frechet));
    }

    [Fact]
    public void Without_clip_prompts_are_still_judged()
    {
        _checkpoint.Build();
        var report = RegressionGate.Read(Json(scorer: null, Few with { Steps = [], Guidance = [] }));

        Assert.Equal(24, report.Overall.Images);
        Assert.Null(report.Overall.ClipScore);
        Assert.Empty(report.BestOf);
        Assert.Empty(report.Steps);
    }

    [Fact]
    public void All_files_are_written()
    {
        _checkpoint.Build();
        using var scorer = _clip.Scorer();
        var (report, main) = Run(scorer, Few);

        EvalFiles.Write(_folder.Path, report, main);

        Assert.Equal(
            ["best-of.svg", "eval.json", "eval.md", "guidance.svg", "images.jsonl", "samples.png", "steps.svg"],
            Directory.EnumerateFiles(_folder.Path).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_image_has_a_line_with_what_was_seen_in_it()
    {
        var prompts = EvaluationPrompts.Draw(PromptCategory.Colours, 2, seed: 3);
        var shown = new RgbImage(128, 128, SceneRenderer.Render(prompts[0].Scene, 128));
        var seen = SceneAnalyser.Read(shown.Pixels, 128);
        Drawn[] main = [new(prompts[0], shown, seen), new(prompts[0], null, null), new(prompts[1], shown, seen), new(prompts[1], shown, seen)];

        var rows = ImageRow.Of(main, images: 2).ToArray();

        Assert.Equal([(0, true), (1, false), (0, false), (1, false)], rows.Select(row => (row.Image, row.Met)));
        Assert.Equal(prompts[1].Text, rows[2].Prompt);
        Assert.Null(rows[1].Seen);
        Assert.Contains(Assert.Single(rows[2].Seen!).Name, prompts[0].Text, StringComparison.Ordinal);
    }

    private string Json(ClipScorer? scorer, EvalOptions options) => JsonSerializer.Serialize(Run(scorer, options).Report, EvalJson.Indented.EvalReport);

    private (EvalReport Report, IReadOnlyList<Drawn> Main) Run(ClipScorer? scorer, EvalOptions options)
    {
        using var pipeline = SanaPipeline.Load(_checkpoint.Folder, new PipelineOptions { Threads = 1 });
        var evaluator = new Evaluator(pipeline, scorer, options, _ => { }, CancellationToken.None);
        return (evaluator.Run(), evaluator.Main);
    }
}
