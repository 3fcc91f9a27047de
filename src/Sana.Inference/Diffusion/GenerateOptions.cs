namespace Sana.Inference.Diffusion;

/// <summary>How images are made: everything but the prompt and the seed. What is null takes the checkpoint's own default.</summary>
public sealed record GenerateOptions
{
    /// <value>Width in pixels, a multiple of 32, 32…8192. Default: the checkpoint's native size.</value>
    public int? Width { get; init; }

    /// <value>Height in pixels, a multiple of 32, 32…8192. Default: the checkpoint's native size.</value>
    public int? Height { get; init; }

    /// <value>Model evaluations per image, 1…1000. Default 20; 2 for Sprint checkpoints.</value>
    public int? Steps { get; init; }

    /// <value>Guidance scale, 0…100; 1 or less runs the prompt alone (Sprint embeds it instead). Default 4.5.</value>
    public float Guidance { get; init; } = 4.5f;

    /// <value>What the image should not show, at most 100,000 characters. Default empty.</value>
    public string NegativePrompt { get; init; } = "";

    /// <value>Default: what the checkpoint's scheduler is made for.</value>
    public SolverKind? Solver { get; init; }

    /// <value>Generate at the nearest trained aspect ratio, then resize and crop to the request. Default true; sizes whose checkpoint has no table are left alone.</value>
    public bool UseResolutionBinning { get; init; } = true;

    /// <value>Prefix the prompt with the complex human instruction (CHI) of the checkpoint. Default true.</value>
    public bool UseInstruction { get; init; } = true;

    /// <summary>Fills in defaults and checks every value once; nothing after this checks again.</summary>
    internal GenerateOptions Resolve(CheckpointFacts facts)
    {
        var sprint = facts.Solver == SolverKind.Scm;
        var resolved = this with
        {
            Width = Width ?? facts.NativePixels,
            Height = Height ?? facts.NativePixels,
            Steps = Steps ?? (sprint ? 2 : 20),
            Solver = Solver ?? facts.Solver,
        };
        CheckSide("Width", resolved.Width.Value, facts.Compression);
        CheckSide("Height", resolved.Height.Value, facts.Compression);
        PromptLimits.Check(NegativePrompt, "Negative prompt");
        return resolved switch
        {
            { Steps: < 1 or > 1000 } => throw new InferenceException($"Steps {Steps} is not in 1…1000; use {(sprint ? 2 : 20)}."),
            { Guidance: not (>= 0 and <= 100) } => throw new InferenceException(
                FormattableString.Invariant($"Guidance {Guidance} is not a number in 0…100; use 4.5, or 1 to run the prompt alone.")),
            _ when sprint != (resolved.Solver == SolverKind.Scm) => throw new InferenceException(
                $"Solver {resolved.Solver} does not fit {facts.Name}, which is made for {facts.Solver}; leave the solver out."),
            _ => resolved,
        };
    }

    private static void CheckSide(string name, int pixels, int cell)
    {
        if (pixels < cell || pixels > 8192)
        {
            throw new InferenceException($"{name} {pixels} is not in {cell}…8192 pixels; use a multiple of {cell} in that range.");
        }

        if (pixels % cell != 0)
        {
            var below = pixels / cell * cell;
            throw new InferenceException($"{name} {pixels} is not a multiple of {cell}; use {below} or {below + cell}.");
        }
    }
}

/// <summary>The method that integrates the flow from noise to image.</summary>
public enum SolverKind
{
    /// <summary>Flow-DPM-Solver: second-order multistep DPM-Solver++ on flow sigmas.</summary>
    FlowDpm,

    /// <summary>First-order Euler on flow sigmas.</summary>
    FlowEuler,

    /// <summary>Consistency sampling of Sana-Sprint (trigflow).</summary>
    Scm,
}
