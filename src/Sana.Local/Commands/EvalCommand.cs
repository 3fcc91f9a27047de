using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Sana.GraphBuilder;
using Sana.Inference.Clip;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Local.Evaluation;
using Sana.Local.Evaluation.Layouts;
using Sana.Local.Evaluation.Report;

namespace Sana.Local.Commands;

/// <summary><c>sana eval</c>: how well a checkpoint follows prompts.</summary>
internal sealed class EvalCommand : Command
{
    private readonly Option<string> _checkpoint = CommonOptions.CheckpointOption();
    private readonly Option<string?> _clip = new("--clip") { Description = "Folder of a CLIP checkpoint; it adds scores, distances and best of N. Default: none.", HelpName = "folder" };
    private readonly EvalArguments _arguments = new();
    private readonly Option<string?> _against = new("--against") { Description = "An earlier eval.json: figures that are worse by more than chance end with exit code 1. Default: none.", HelpName = "file" };
    private readonly Option<string?> _layout = new("--layout") { Description = "geneval or dpg: only draw, into the folders that these benchmarks' own scripts read. Default: off." };
    private readonly Option<string?> _prompts = new("--prompts") { Description = "With --layout: GenEval's evaluation_metadata.jsonl, or DPG-Bench's folder of prompts.", HelpName = "path" };
    private readonly Option<string> _out = new("--out", "-o") { Description = "Folder for eval.json, eval.md, images.jsonl, plots and samples.png, or for the layout. Default: eval.", HelpName = "folder", DefaultValueFactory = _ => "eval" };
    private readonly Option<string?> _device = CommonOptions.Device();
    private readonly Option<bool> _json = CommonOptions.Json();

    public EvalCommand()
        : base("eval", "Measure a checkpoint on prompts of still lifes that it was never trained on, or draw for GenEval and DPG-Bench.")
    {
        _layout.AcceptOnlyFromAmong("geneval", "dpg");
        Option[] options = [_checkpoint, _clip, .. _arguments.All, _against, _layout, _prompts, _out, _device, _json];
        foreach (var option in options)
            Add(option);
        SetAction((parsed, cancellationToken) => Task.FromResult(Run(parsed, cancellationToken)));
    }

    private int Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = _arguments.Read(parsed);
        var device = WrongUseException.Unless(() => Device.Parse(parsed.GetValue(_device) ?? "cpu"));
        var baseline = parsed.GetValue(_against) is { } file ? Baseline(file) : null;
        var prompts = Prompts(parsed);

        var checkpoint = parsed.GetRequiredValue(_checkpoint);
        SanaCheckpoint.Build(checkpoint, new BuildOptions());
        using var pipeline = SanaPipeline.Load(checkpoint, new PipelineOptions { Device = device, CachedPrompts = 64 });
        return prompts is null ? Evaluate(parsed, options, pipeline, device, baseline, cancellationToken) : Lay(parsed, options, pipeline, prompts, cancellationToken);
    }

    private int Evaluate(ParseResult parsed, EvalOptions options, SanaPipeline pipeline, Device device, EvalReport? baseline, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        using var scorer = Scorer(parsed.GetValue(_clip), device);
        var evaluator = WrongUseException.Unless(() => new Evaluator(pipeline, scorer, options, Tell(parsed), cancellationToken));
        var report = evaluator.Run();

        var folder = parsed.GetRequiredValue(_out);
        EvalFiles.Write(folder, report, evaluator.Main);
        var regressions = baseline is null ? [] : RegressionGate.Compare(baseline, report);
        if (parsed.GetValue(_json))
            Console.Out.WriteLine(JsonSerializer.Serialize(new EvalOutcome(folder, report, regressions, Math.Round(clock.Elapsed.TotalSeconds, 3)), EvalJson.Line.EvalOutcome));
        else
            Print(report, folder, clock.Elapsed);
        foreach (var regression in regressions)
            Console.Error.WriteLine($"sana: {regression.Sentence()}");
        return regressions.Count > 0 ? ExitCode.Failed : ExitCode.Done;
    }

    private int Lay(ParseResult parsed, EvalOptions options, SanaPipeline pipeline, IReadOnlyList<BenchmarkPrompt> prompts, CancellationToken cancellationToken)
    {
        var (images, folder) = (_arguments.Images(parsed) ?? 4, parsed.GetRequiredValue(_out));
        var setting = WrongUseException.Unless(() => pipeline.Resolve(new GenerateOptions { Width = options.Side, Height = options.Side, Steps = options.MainSteps, Guidance = options.MainGuidance }));
        var layout = new BenchmarkLayout(new Drawing(pipeline, options.BatchSize, options.Seed, cancellationToken), setting, options.Seed, Tell(parsed));
        var isDpg = parsed.GetValue(_layout) == "dpg";
        if (isDpg && images is not (1 or 4))
            throw new WrongUseException($"DPG-Bench takes 1 or 4 images of a prompt, not {images}; give --images 4.");

        var (made, failed) = isDpg ? layout.Dpg(prompts, images, folder) : layout.GenEval(prompts, images, folder);
        if (parsed.GetValue(_json))
            Console.Out.WriteLine(JsonSerializer.Serialize(new LayoutOutcome(folder, isDpg ? "dpg" : "geneval", prompts.Count, made, failed), EvalJson.Line.LayoutOutcome));
        else
            Console.WriteLine($"{made} images of {prompts.Count} prompts in {folder}{(isDpg ? $", resolution {setting.Width}" : "")}; {failed} failed.");
        return failed == 0 ? ExitCode.Done : made > 0 ? ExitCode.SomeFailed : ExitCode.Failed;
    }

    private IReadOnlyList<BenchmarkPrompt>? Prompts(ParseResult parsed)
    {
        var (layout, path) = (parsed.GetValue(_layout), parsed.GetValue(_prompts));
        if (layout is null != path is null)
            throw new WrongUseException("Give --layout and --prompts together: the benchmark and its prompts.");
        if (layout is null)
            return null;
        if (layout == "dpg" ? !Directory.Exists(path) : !File.Exists(path))
            throw new WrongUseException(layout == "dpg" ? $"There is no folder '{path}'; give DPG-Bench's folder of prompts." : $"There is no file '{path}'; give GenEval's prompts/evaluation_metadata.jsonl.");
        var prompts = layout == "dpg" ? BenchmarkPrompt.Dpg(path!) : BenchmarkPrompt.GenEval(path!);
        return prompts.Count > 0 ? prompts : throw new WrongUseException($"There are no prompts in '{path}'.");
    }

    private static EvalReport Baseline(string file)
    {
        try
        {
            return RegressionGate.Read(File.ReadAllText(file));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new WrongUseException($"'{file}' is no report of sana eval: {error.Message}", error);
        }
    }

    private static ClipScorer? Scorer(string? folder, Device device)
    {
        if (folder is null)
            return null;
        if (!ClipCheckpoint.IsIn(folder))
            throw new WrongUseException($"There is no CLIP checkpoint in '{folder}'; give the folder that holds its config.json.");
        ClipCheckpoint.Build(folder, new BuildOptions());
        return ClipScorer.Load(folder, new ClipScorerOptions { Device = device });
    }

    private Action<string> Tell(ParseResult parsed) => parsed.GetValue(_json) ? _ => { } : Console.Error.WriteLine;

    private static void Print(EvalReport report, string folder, TimeSpan elapsed)
    {
        foreach (var row in report.Categories)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{row.Category,-14} {row.Figure.Met,5} of {row.Figure.Images,5}  {row.Figure.Share:0.000}  {row.Figure.Low:0.000}…{row.Figure.High:0.000}"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"mean",-14} {"",14}  {report.Overall.Share:0.000}"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{folder} has eval.json, eval.md, images.jsonl, plots and samples.png ({elapsed.TotalSeconds:0.0} s)."));
    }
}
