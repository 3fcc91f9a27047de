using Sana.Inference.Diffusion;

namespace Sana.Local.Evaluation;

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

    /// <value>Decides prompts and noise. Default 0.</value>
    public ulong Seed { get; init; }

    /// <value>Pixels of an image's side, a multiple of 32, 32…1024. Default: the checkpoint's native size.</value>
    public int? Side { get; init; }

    /// <value>Images drawn together, 1…64. Default 8.</value>
    public int BatchSize { get; init; } = 8;
}
