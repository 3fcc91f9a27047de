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
