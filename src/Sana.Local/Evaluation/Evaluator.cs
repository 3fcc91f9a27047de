using Sana.Inference.Clip;
using Sana.Inference.Diffusion;
using Sana.Local.Evaluation.Report;
using Sana.StillLife.Evaluation;

namespace Sana.Local.Evaluation;

/// <summary>Draws the prompts of held-out combinations and measures what comes out.</summary>
/// <param name="pipeline">The checkpoint.</param>
/// <param name="scorer">CLIP; null leaves out what needs it.</param>
/// <param name="options">What to draw.</param>
/// <param name="tell">Told what is drawn next.</param>
/// <param name="cancellationToken">Stops between steps.</param>
internal sealed class Evaluator(SanaPipeline pipeline, ClipScorer? scorer, EvalOptions options, Action<string> tell, CancellationToken cancellationToken)
{
    private readonly Drawing _drawing = new(pipeline, options.BatchSize, options.Seed, cancellationToken);
    private readonly ClipMeasure? _clip = scorer is null ? null : new ClipMeasure(scorer, cancellationToken);
    private readonly GenerateOptions _main = pipeline.Resolve(
        new GenerateOptions { Width = options.Side, Height = options.Side, Steps = options.MainSteps, Guidance = options.MainGuidance, UseResolutionBinning = false });

    /// <summary>Images of the main set, for a sheet.</summary>
    public IReadOnlyList<Drawn> Main { get; private set; } = [];

    public EvalReport Run()
    {
        var prompts = EvaluationPrompts.All(options.PromptsPerCategory, options.Seed);
        var sweep = (EvaluationPrompt[])[.. prompts.GroupBy(prompt => prompt.Category).SelectMany(group => group.Take(options.SweepPrompts))];
        _clip?.SetReference(prompts, _main.Width!.Value);

        tell($"{prompts.Count} prompts × {options.Images} images, {Name(_main)}");
        Main = _drawing.Draw(prompts, options.Images, _main);
        var (scores, frechet) = Clip(Main);
        CategoryRow[] categories = [.. Main.Select((one, i) => (one, i)).GroupBy(pair => pair.one.Prompt.Category).Select(group => Category(group.Key, [.. group.Select(pair => pair.i)], scores))];
        var all = Figure.Of([.. Main.Select(one => one.IsMet)], scores, frechet);

        return new(
            pipeline.ModelName, pipeline.Fingerprint, scorer?.Name, scorer?.Fingerprint, Of(_main), options.Seed, _main.Width!.Value, Main.Count(one => one.Image is null),
            all with { Share = Math.Round(categories.Average(row => row.Figure.Share), 4) }, categories, scores is null ? [] : BestOf.Rows(Main, options.Images, scores),
            [.. Solvers().SelectMany(solver => options.Steps.Select(steps => Sweep(sweep, _main with { Solver = solver, Steps = steps })))],
            [.. options.Guidance.Select(guidance => Sweep(sweep, _main with { Guidance = guidance }))]);
    }

    private CategoryRow Category(PromptCategory category, int[] images, double[]? scores) =>
        new(CategoryName.Of(category), images.Length / options.Images, Figure.Of([.. images.Select(i => Main[i].IsMet)], scores is null ? null : [.. images.Select(i => scores[i])]));

    private SweepRow Sweep(EvaluationPrompt[] prompts, GenerateOptions setting)
    {
        tell($"{prompts.Length} images, {Name(setting)}");
        var drawn = _drawing.Draw(prompts, images: 1, setting);
        var (scores, frechet) = Clip(drawn);
        return new(Of(setting), Figure.Of([.. drawn.Select(one => one.IsMet)], scores, frechet));
    }

    private (double[]? Scores, double? Frechet) Clip(IReadOnlyList<Drawn> drawn) => _clip is null ? (null, null) : _clip.Of(drawn);

    private IReadOnlyList<SolverKind> Solvers() => options.Solvers.Count > 0 ? options.Solvers : _main.Solver == SolverKind.Scm ? [SolverKind.Scm] : [SolverKind.FlowDpm, SolverKind.FlowEuler];

    private static Setting Of(GenerateOptions setting) => new(SolverName.Of(setting.Solver!.Value), setting.Steps!.Value, Math.Round(setting.Guidance, 4));

    private static string Name(GenerateOptions setting) => FormattableString.Invariant($"{SolverName.Of(setting.Solver!.Value)}, {setting.Steps} steps, guidance {setting.Guidance}");
}
