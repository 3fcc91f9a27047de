using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using System.Text.Json;
using Sana.GraphBuilder;
using Sana.Inference.Clip;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Jobs.Networks;
using Sana.Local.Evaluation;
using Sana.Local.Evaluation.Layouts;
using Sana.Local.Evaluation.Report;
using Sana.Local.Hosting;
using Sana.Storage;

namespace Sana.Local.Commands;

/// <summary><c>sana eval</c>: how well a checkpoint follows prompts.</summary>
internal sealed class EvalCommand : Command
{
    private readonly Option<string> _checkpoint = CommonOptions.CheckpointOption();
    private readonly Option<string[]> _lora = CommonOptions.Loras();
    private readonly Option<string?> _decoder = CommonOptions.Decoder();
    private readonly Option<string?> _clip = CommonOptions.Scorer("It adds scores, distances and best of N. Default: none.");
    private readonly EvalArguments _arguments = new();
    private readonly Option<string?> _against = new("--against") { Description = "An earlier eval.json: figures that are worse by more than chance end with exit code 1. Default: none.", HelpName = "file" };
    private readonly Option<string?> _layout = new("--layout") { Description = "geneval or dpg: only draw, into the folders that these benchmarks' own scripts read. Default: off." };
    private readonly Option<string?> _prompts = new("--prompts") { Description = "With --layout: GenEval's evaluation_metadata.jsonl, or DPG-Bench's folder of prompts.", HelpName = "path" };
    private readonly Option<string> _out = new("--out", "-o") { Description = "Folder for eval.json, eval.md, images.jsonl, plots and samples.png, or for the layout. Default: eval.", HelpName = "folder", DefaultValueFactory = _ => "eval" };
    private readonly Option<string?> _device = CommonOptions.Device();
    private readonly Option<string?> _precision = CommonOptions.Precision();
    private readonly Option<bool> _json = CommonOptions.Json();

    public EvalCommand()
        : base("eval", "Measure a checkpoint on prompts of still lifes that it was never trained on, or draw for GenEval and DPG-Bench.")
    {
        _layout.AcceptOnlyFromAmong("geneval", "dpg");
        Option[] options = [_checkpoint, _lora, _decoder, _clip, .. _arguments.All, _against, _layout, _prompts, _out, _device, _precision, _json];
        foreach (var option in options)
            Add(option);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var loras = WrongUseException.Unless(() => PlaceArguments.Loras(parsed.GetValue(_lora) ?? [], known: new Dictionary<string, string>()));
        var options = _arguments.Read(parsed) with { Adapters = loras.Uses };
        var device = WrongUseException.Unless(() => Device.Parse(parsed.GetValue(_device) ?? "cpu"));
        var precision = WrongUseException.Unless(() => PrecisionName.Parse(parsed.GetValue(_precision) ?? "auto").On(device));
        var baseline = parsed.GetValue(_against) is { } file ? Baseline(file) : null;
        var prompts = Prompts(parsed);
        HugePages.UseFor(parsed.GetRequiredValue(_checkpoint));

        var clip = parsed.GetValue(_clip) is { } place ? await CheckpointPlace.Folder(place, variant: null, new FetchLines(), cancellationToken) : null;
        using var networks = new NetworkLoader
        {
            Checkpoint = parsed.GetRequiredValue(_checkpoint),
            Decoder = parsed.GetValue(_decoder),
            Loras = loras.Places,
            Device = device,
            Precision = precision,
            CachedPrompts = 64,
            Progress = new FetchLines(),
        };
        var pipeline = await networks.LoadSana(cancellationToken);
        return prompts is null ? Evaluate(parsed, clip, options, pipeline, device, baseline, cancellationToken) : Lay(parsed, options, pipeline, prompts, cancellationToken);
    }

    private int Evaluate(ParseResult parsed, string? clip, EvalOptions options, SanaPipeline pipeline, Device device, EvalReport? baseline, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        using var scorer = Scorer(clip, device);
        var evaluator = WrongUseException.Unless(() => new Evaluator(pipeline, scorer, options, Tell(parsed), cancellationToken));
        var report = evaluator.Run();

        var folder = parsed.GetRequiredValue(_out);
        EvalFiles.Write(folder, report, evaluator.Main);
        var regressions = baseline is null ? [] : RegressionGate.Compare(baseline, report);
        if (parsed.GetValue(_json))
            Console.Out.WriteLine(JsonSerializer.Serialize(new EvalOutcome(folder, report, regressions, Math.Round(clock.Elapsed.TotalSeconds, 3)), EvalJson.Line.EvalOutcome));
        else
            Print(report, folder, clock.Elapsed);
        if (baseline is not null && RegressionGate.HaveOtherScorers(baseline, report))
        {
            var file = parsed.GetValue(_against);
            Console.Error.WriteLine($"sana: Scores and distances are not compared: those of {file} are by {baseline.Clip}, these by {report.Clip}.");
        }

        foreach (var regression in regressions)
            Console.Error.WriteLine($"sana: {regression.Sentence()}");
        return regressions.Count > 0 ? ExitCode.Failed : ExitCode.Done;
    }

    private int Lay(ParseResult parsed, EvalOptions options, SanaPipeline pipeline, IReadOnlyList<BenchmarkPrompt> prompts, CancellationToken cancellationToken)
    {
        var (images, folder) = (_arguments.Images(parsed) ?? 4, parsed.GetRequiredValue(_out));
        var setting = WrongUseException.Unless(() => pipeline.Resolve(new GenerateOptions { Width = options.Side, Height = options.Side, Steps = options.MainSteps, Guidance = options.MainGuidance, Adapters = options.Adapters }));
        var layout = new BenchmarkLayout(new Drawing(pipeline, options.BatchSize, options.Seed, cancellationToken), setting, options.Seed, Tell(parsed));
        var isDpg = parsed.GetValue(_layout) == "dpg";
        if (isDpg && images is not (1 or 4))
            throw new WrongUseException($"DPG-Bench takes 1 or 4 images of a prompt, not {images}; give --images 4.");

        var (made, failed) = isDpg ? layout.Dpg(prompts, images, folder) : layout.GenEval(prompts, images, folder);
        if (parsed.GetValue(_json))
            Console.Out.WriteLine(JsonSerializer.Serialize(new LayoutOutcome(folder, isDpg ? "dpg" : "geneval", prompts.Count, made, failed), EvalJson.Line.LayoutOutcome));
        else
            Console.WriteLine($"{Counted.Of(made, "image")} of {Counted.Of(prompts.Count, "prompt")} in {folder}{(isDpg ? $", resolution {setting.Width}" : "")}; {failed} failed.");
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
        var prompts = WrongUseException.Unless(() => layout == "dpg" ? BenchmarkPrompt.Dpg(path!) : BenchmarkPrompt.GenEval(path!));
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
            throw new WrongUseException($"There is no checkpoint of CLIP or SigLIP in '{folder}', and that is no repository of the Hugging Face Hub either; give the folder that holds its config.json, or owner/name[@revision].");
        var built = ClipCheckpoint.Build(folder, new BuildOptions());
        return ClipScorer.Load(built.Folder, new ClipScorerOptions { Device = device });
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

/// <summary>What <c>sana eval</c> draws.</summary>
internal sealed class EvalArguments
{
    private static readonly EvalOptions Usual = new();

    private readonly Option<int?> _prompts = CommonOptions.Number("--prompts-per-category", "Prompts of each of the six categories, 1…1000. Default: 25.", 1, 1000);
    private readonly Option<int?> _images = CommonOptions.Number("--images", "Images of each prompt, 1…64; best of N is measured for N of 1, 2, 4 and 8 up to it. Default: 8; with --layout 4.", 1, 64);
    private readonly Option<int?> _sweepPrompts = CommonOptions.Number("--sweep-prompts", "Prompts of each category in the sweeps, with one image each, 1…1000. Default: 8.", 1, 1000);
    private readonly Option<int?> _mainSteps = CommonOptions.Number("--main-steps", "Steps of all but the sweep of steps, 1…1000. Default: 20, or 2 for Sprint checkpoints.", 1, 1000);
    private readonly Option<float?> _mainGuidance = CommonOptions.Number("--main-guidance", "Guidance of all but the sweep of guidance, 0…100. Default: 4.5.", 0f, 100f);
    private readonly Option<string?> _steps = List("--steps", "Steps of the sweep, each 1…1000, or none. Default: 4,8,14,20,28,50.");
    private readonly Option<string?> _solvers = List("--solvers", "Solvers of the sweep of steps: flow-dpm, flow-euler, scm. Default: flow-dpm,flow-euler; scm for Sprint checkpoints.");
    private readonly Option<string?> _guidance = List("--guidance", "Guidance scales of the sweep, each 0…100, or none. Default: 1,2,3,4.5,6,8.");
    private readonly Option<int?> _side = CommonOptions.Number("--side", "Pixels of an image's side, a multiple of 32, 32…1024. Default: the checkpoint's native size.", 32, 1024);
    private readonly Option<ulong?> _seed = CommonOptions.Number("--seed", "Decides prompts and noise, 0…18446744073709551615. Default: 0.", ulong.MinValue, ulong.MaxValue);
    private readonly Option<int?> _batch = CommonOptions.Number("--batch", "Images drawn together, 1…64. Default: 8.", 1, 64);

    public IEnumerable<Option> All => [_prompts, _images, _sweepPrompts, _mainSteps, _mainGuidance, _steps, _solvers, _guidance, _side, _seed, _batch];

    /// <summary>Images of each prompt, if it was said.</summary>
    public int? Images(ParseResult parsed) => parsed.GetValue(_images);

    /// <exception cref="WrongUseException">A list cannot be read.</exception>
    public EvalOptions Read(ParseResult parsed) => new()
    {
        PromptsPerCategory = parsed.GetValue(_prompts) ?? Usual.PromptsPerCategory,
        Images = parsed.GetValue(_images) ?? Usual.Images,
        SweepPrompts = parsed.GetValue(_sweepPrompts) ?? Usual.SweepPrompts,
        MainSteps = parsed.GetValue(_mainSteps),
        MainGuidance = parsed.GetValue(_mainGuidance) ?? Usual.MainGuidance,
        Steps = Numbers(parsed, _steps, 1, 1000) ?? Usual.Steps,
        Solvers = parsed.GetValue(_solvers) is { } solvers ? [.. Parts(solvers).Select(Solver)] : Usual.Solvers,
        Guidance = Numbers(parsed, _guidance, 0f, 100f) ?? Usual.Guidance,
        Side = parsed.GetValue(_side),
        Seed = parsed.GetValue(_seed) ?? Usual.Seed,
        BatchSize = parsed.GetValue(_batch) ?? Usual.BatchSize,
    };

    private static Option<string?> List(string name, string description) => new(name) { Description = description, HelpName = "list" };

    private static string[] Parts(string list) => list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static T[]? Numbers<T>(ParseResult parsed, Option<string?> option, T least, T most)
        where T : struct, INumber<T>
    {
        if (parsed.GetValue(option) is not { } list)
            return null;
        return list == "none" ? [] :
        [
            .. Parts(list).Select(part => T.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
                ? number
                : throw new WrongUseException(string.Create(CultureInfo.InvariantCulture, $"{option.Name} takes numbers from {least} to {most} with commas between, or none; '{part}' is not."))).Distinct(),
        ];
    }

    private static SolverKind Solver(string name) =>
        SolverName.Parse(name) ?? throw new WrongUseException($"--solvers takes flow-dpm, flow-euler and scm with commas between; '{name}' is not.");
}
