using Sana.Inference.Clip;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Inference.Judging;
using Sana.Local.Evaluation.Report;
using Sana.StillLife.Analysis;
using Sana.StillLife.Evaluation;
using Sana.StillLife.Rendering;
using Sana.Storage;

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
        new GenerateOptions { Width = options.Side, Height = options.Side, Steps = options.MainSteps, Guidance = options.MainGuidance, UseResolutionBinning = false, Adapters = options.Adapters });

    /// <summary>Images of the main set, for a sheet.</summary>
    public IReadOnlyList<Drawn> Main { get; private set; } = [];

    public EvalReport Run()
    {
        var prompts = EvaluationPrompts.All(options.PromptsPerCategory, options.Seed);
        var sweep = (EvaluationPrompt[])[.. prompts.GroupBy(prompt => prompt.Category).SelectMany(group => group.Take(options.SweepPrompts))];
        _clip?.SetReference(prompts, _main.Width!.Value);

        tell($"{Counted.Of(prompts.Count, "prompt")} × {Counted.Of(options.Images, "image")}, {Name(_main)}");
        Main = _drawing.Draw(prompts, options.Images, _main);
        var (scores, frechet) = Clip(Main);
        CategoryRow[] categories = [.. Main.Select((one, i) => (one, i)).GroupBy(pair => pair.one.Prompt.Category).Select(group => Category(group.Key, [.. group.Select(pair => pair.i)], scores))];
        var all = Figure.Of([.. Main.Select(one => one.IsMet)], scores, frechet);

        return new(
            pipeline.ModelName, pipeline.Fingerprint, scorer?.Name, scorer?.Fingerprint, Of(_main), options.Seed, _main.Width!.Value, Main.Count(one => one.Image is null),
            all with { Share = Math.Round(categories.Average(row => row.Figure.Share), 4) }, categories, scores is null ? [] : BestOfFigures.Rows(Main, options.Images, scores),
            [.. Solvers().SelectMany(solver => options.Steps.Select(steps => Sweep(sweep, _main with { Solver = solver, Steps = steps })))],
            [.. options.Guidance.Select(guidance => Sweep(sweep, _main with { Guidance = guidance }))])
        {
            Lora = _main.Adapters?.Items,
        };
    }

    private CategoryRow Category(PromptCategory category, int[] images, double[]? scores) =>
        new(CategoryName.Of(category), images.Length / options.Images, Figure.Of([.. images.Select(i => Main[i].IsMet)], scores is null ? null : [.. images.Select(i => scores[i])]));

    private SweepRow Sweep(EvaluationPrompt[] prompts, GenerateOptions setting)
    {
        tell($"{Counted.Of(prompts.Length, "image")}, {Name(setting)}");
        var drawn = _drawing.Draw(prompts, images: 1, setting);
        var (scores, frechet) = Clip(drawn);
        return new(Of(setting), Figure.Of([.. drawn.Select(one => one.IsMet)], scores, frechet));
    }

    private (double[]? Scores, double? Frechet) Clip(IReadOnlyList<Drawn> drawn) => _clip is null ? (null, null) : _clip.Of(drawn);

    private IReadOnlyList<SolverKind> Solvers() => options.Solvers.Count > 0 ? options.Solvers : _main.Solver == SolverKind.Scm ? [SolverKind.Scm] : [SolverKind.FlowDpm, SolverKind.FlowEuler];

    private static Setting Of(GenerateOptions setting) => new(SolverName.Of(setting.Solver!.Value), setting.Steps!.Value, Math.Round(setting.Guidance, 4));

    private static string Name(GenerateOptions setting) => FormattableString.Invariant($"{SolverName.Of(setting.Solver!.Value)}, {Counted.Of(setting.Steps!.Value, "step")}, guidance {setting.Guidance}");
}

/// <summary>What CLIP says of drawn images: how well each fits its prompt, and how far all of them are from rendered scenes.</summary>
internal sealed class ClipMeasure(ClipScorer scorer, CancellationToken cancellationToken)
{
    private EmbeddingMoments? _rendered;

    /// <summary>Takes the rendered scenes of prompts as what images should look like.</summary>
    public void SetReference(IReadOnlyList<EvaluationPrompt> prompts, int side) =>
        _rendered = Moments(scorer.EmbedImages([.. prompts.Select(prompt => new RgbImage(side, side, SceneRenderer.Render(prompt.Scene, side)))], cancellationToken));

    /// <summary>100 × cosine of each image and its prompt; not a number where there is no image.</summary>
    public (double[] Scores, double? Frechet) Of(IReadOnlyList<Drawn> drawn)
    {
        Drawn[] seen = [.. drawn.Where(one => one.Image is not null)];
        var images = new JudgedImages([.. seen.Select(one => one.Image!)], [.. seen.Select(one => one.Prompt.Text)]);
        var moments = Moments(images.Embeddings(scorer, cancellationToken));
        var scores = new Queue<double>(new ClipJudge(scorer).Score(images, cancellationToken));
        double? frechet = _rendered is { Count: > 1 } && moments is { Count: > 1 } ? FrechetDistance.Between(moments, _rendered) : null;
        return ([.. drawn.Select(one => one.Image is null ? double.NaN : scores.Dequeue())], frechet);
    }

    private static EmbeddingMoments? Moments(float[][] embeddings)
    {
        if (embeddings.Length == 0)
            return null;
        var moments = new EmbeddingMoments(embeddings[0].Length);
        foreach (var embedding in embeddings)
            moments.Add(embedding);
        return moments;
    }
}

/// <summary>One image of a prompt, with whether it shows what was asked for.</summary>
/// <param name="Prompt">What was asked for.</param>
/// <param name="Image">The pixels; null where the network gave none that can be used.</param>
/// <param name="Seen">What the analyser finds in it; null without an image.</param>
internal sealed record Drawn(EvaluationPrompt Prompt, RgbImage? Image, SeenScene? Seen)
{
    /// <summary>Whether the image shows it.</summary>
    public bool IsMet { get; } = Seen is not null && Prompt.IsMetBy(Seen);
}

/// <summary>Draws images in batches of a fixed composition.</summary>
internal sealed class Drawing(SanaPipeline pipeline, int batchSize, ulong seed, CancellationToken cancellationToken)
{
    /// <summary>Images of prompts, those of one prompt together. Each has noise of its own, the same under all options.</summary>
    public IReadOnlyList<Drawn> Draw(IReadOnlyList<EvaluationPrompt> prompts, int images, GenerateOptions options)
    {
        var requests = prompts.SelectMany((prompt, i) => Enumerable.Range(0, images).Select(k => (Prompt: prompt, Request: new ImageRequest(prompt.Text, seed, (i * images) + k))));
        return [.. requests.Chunk(batchSize).SelectMany(batch => Images([.. batch.Select(one => one.Request)], options).Zip(batch, (image, one) => Judge(one.Prompt, image)))];
    }

    /// <summary>One image for each request, null where the network gave none that can be used.</summary>
    public IReadOnlyList<RgbImage?> Images(IReadOnlyList<ImageRequest> requests, GenerateOptions options) =>
        [.. pipeline.Generate(requests, options, cancellationToken: cancellationToken).Select(made => made.Image)];

    private static Drawn Judge(EvaluationPrompt prompt, RgbImage? image) =>
        new(prompt, image, image is null ? null : SceneAnalyser.Read(image.Pixels, image.Width));
}

/// <summary>What <c>sana eval</c> draws and measures.</summary>
internal sealed record EvalOptions
{
    /// <value>Prompts of each of the six categories, 1…1000. Default 25.</value>
    public int PromptsPerCategory { get; init; } = 25;

    /// <value>Images of each prompt, 1…64. Default 8, the most that best-of-N chooses from.</value>
    public int Images { get; init; } = 8;

    /// <value>Prompts of each category in the sweeps, with one image each, 1…1000. Default 8.</value>
    public int SweepPrompts { get; init; } = 8;

    /// <value>Steps of all but the sweep of steps. Default 20, or the checkpoint's own for Sprint.</value>
    public int? MainSteps { get; init; }

    /// <value>Guidance of all but the sweep of guidance. Default 4.5.</value>
    public float MainGuidance { get; init; } = 4.5f;

    /// <value>Steps of the sweep; empty for none. Default: those of the paper's Figure 8.</value>
    public IReadOnlyList<int> Steps { get; init; } = [4, 8, 14, 20, 28, 50];

    /// <value>Solvers of the sweep of steps; empty takes both flow solvers, or a Sprint checkpoint's only one.</value>
    public IReadOnlyList<SolverKind> Solvers { get; init; } = [];

    /// <value>Guidance scales of the sweep; empty for none.</value>
    public IReadOnlyList<float> Guidance { get; init; } = [1, 2, 3, 4.5f, 6, 8];

    /// <value>What the images are drawn with beside the checkpoint. Default none.</value>
    public AdapterUses? Adapters { get; init; }

    /// <value>Decides prompts and noise. Default 0.</value>
    public ulong Seed { get; init; }

    /// <value>Pixels of an image's side, a multiple of 32, 32…1024. Default: the checkpoint's native size.</value>
    public int? Side { get; init; }

    /// <value>Images drawn together, 1…64. Default 8.</value>
    public int BatchSize { get; init; } = 8;
}
