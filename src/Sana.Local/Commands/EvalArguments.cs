using System.CommandLine;
using System.Globalization;
using System.Numerics;
using Sana.Inference.Diffusion;
using Sana.Local.Evaluation;

namespace Sana.Local.Commands;

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
