using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using Sana.Inference.Runtime;

namespace Sana.Inference.Diffusion;

/// <summary>How images are generated: everything but the prompt and the seed. A null value takes the checkpoint's default.</summary>
public sealed record GenerateOptions
{
    internal const int MostPixels = 8192; // a side

    /// <value>Width in pixels, a multiple of 32, 32…8192. Default: the checkpoint's native size; with a start image, else a control image, a size near its own.</value>
    public int? Width { get; init; }

    /// <value>Height in pixels, a multiple of 32, 32…8192. Default: the checkpoint's native size; with a start image, else a control image, a size near its own.</value>
    public int? Height { get; init; }

    /// <value>Steps of the schedule, each a model evaluation per image, 1…1000. Default 20; for Sprint checkpoints 2, or 4 with a start image. Of these a start image's strength leaves some out.</value>
    public int? Steps { get; init; }

    /// <value>Guidance scale, 0…100; 1 or less runs the prompt alone (Sprint embeds it instead). Default 4.5.</value>
    public float Guidance { get; init; } = 4.5f;

    /// <value>What the image should not show, at most 100,000 characters. Default empty.</value>
    public string NegativePrompt { get; init; } = "";

    /// <value>Default: the solver of the checkpoint's scheduler.</value>
    public SolverKind? Solver { get; init; }

    /// <value>Generate at the nearest trained aspect ratio, then resize and crop to the request. Default true. No effect for checkpoints without a table of trained sizes.</value>
    public bool UseResolutionBinning { get; init; } = true;

    /// <value>Prefix the prompt with the complex human instruction (CHI) of the checkpoint. Default true.</value>
    public bool UseInstruction { get; init; } = true;

    /// <value>
    /// Give no image for a prompt, or a negative prompt that is used, of more tokens than the network reads: it fails with <c>prompt_too_long</c>. Default false: the end is cut, and the image
    /// is flagged <c>prompt_truncated</c> or <c>negative_prompt_truncated</c>.
    /// </value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool RefuseLongPrompts { get; init; }

    /// <value>
    /// Let the checkpoint's text encoder write a more detailed prompt of at most 77 words, by its instruction, and make the image from that. Where it writes nothing that can be used the image is made
    /// from the prompt and flagged <c>prompt_not_enhanced</c>. Default false.
    /// </value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool EnhancePrompt { get; init; }

    /// <value>Adapters (LoRA). Default none.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AdapterUses? Adapters { get; init; }

    /// <value>Perturbed-attention guidance. Default none.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public PerturbedAttention? Pag { get; init; }

    /// <value>The image that images begin from. Default none: they begin from noise.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public StartImage? StartImage { get; init; }

    /// <value>The control network, and the picture that it reads. Default none.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ControlUse? Control { get; init; }

    /// <summary>Whether it needs the graphs that take adapters, perturbed attention and what a control network adds.</summary>
    [JsonIgnore]
    internal bool IsExtended => Adapters is not null || Pag is not null || Control is not null;

    /// <summary>Fills in defaults and checks every value. Nothing checks them again.</summary>
    internal GenerateOptions Resolve(CheckpointFacts facts)
    {
        var sprint = facts.Solver == SolverKind.Scm;
        var picture = StartImage is { } start ? (start.Width, start.Height) : Control?.Image is { } image ? (image.Width, image.Height) : (0, 0);
        var (width, height) = StartImage.SizeFor(picture, Width, Height, UseResolutionBinning, facts);
        var resolved = this with
        {
            Width = width,
            Height = height,
            Steps = Steps ?? (!sprint ? 20 : StartImage is null ? 2 : 4), // of 2, strengths above a half leave nothing of the picture
            Solver = Solver ?? facts.Solver,
            Adapters = Adapters?.Resolve(facts.Adapters),
            Pag = Pag?.Resolve(facts),
            Control = Control?.Resolve(facts),
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
            _ => resolved with { StartImage = StartImage?.Resolve(resolved.Steps.Value) },
        };
    }

    private static void CheckSide(string name, int pixels, int cell)
    {
        if (pixels < cell || pixels > MostPixels)
            throw new InferenceException($"{name} {pixels} is not in {cell}…{MostPixels} pixels; use a multiple of {cell} in that range.");

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

/// <summary>Limits of a prompt. The network reads 300 tokens, so a much longer text is an error of the caller.</summary>
public static class PromptLimits
{
    /// <summary>Longest prompt, in UTF-16 units.</summary>
    public const int MaxCharacters = 100_000;

    /// <summary>Refuses text that is too long or holds control characters other than tab and line ends.</summary>
    /// <param name="text">The prompt.</param>
    /// <param name="name">How the message calls it.</param>
    /// <exception cref="InferenceException">The text is not a prompt; the message says where and why.</exception>
    public static void Check(string text, string name)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > MaxCharacters)
            throw new InferenceException($"{name} has {text.Length} characters; at most {MaxCharacters} are taken, and the network reads 300 tokens. Shorten it.");

        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsControl(text[i]) && text[i] is not ('\t' or '\n' or '\r'))
                throw new InferenceException($"{name} has the control character U+{(int)text[i]:X4} at position {i}; remove it.");
        }
    }
}

/// <summary>What the graph builder read from a Sana checkpoint's configs and wrote into the transformer's graph.</summary>
/// <param name="Name">Of the checkpoint's folder.</param>
/// <param name="Fingerprint">SHA-256 over configs and the headers, lengths and a sample of the weights, and the precision where it is not float32, lower-case hex.</param>
/// <param name="Solver">What the checkpoint's scheduler is.</param>
/// <param name="FlowShift">How far sigmas are shifted towards noise.</param>
/// <param name="SigmaData">Standard deviation of latents that Sprint assumes.</param>
/// <param name="SampleSize">Native side in latent cells.</param>
/// <param name="Compression">Pixels a latent cell.</param>
/// <param name="GuidanceScale">What the guidance is multiplied by before it is embedded (Sprint).</param>
internal sealed record CheckpointFacts(
    string Name, string Fingerprint, SolverKind Solver, double FlowShift, float SigmaData, int SampleSize, int Compression, float GuidanceScale)
{
    /// <value>What the networks compute in. Default float32: graphs of earlier versions do not say it.</value>
    public string Precision { get; init; } = "float32";

    /// <value>Blocks of the transformer. Default 0: graphs of earlier versions do not say it.</value>
    public int Blocks { get; init; }

    /// <value>Name of the decoder that takes the place of its own. Default null.</value>
    public string? Decoder { get; init; }

    /// <value>The adapters that are known with it: SHA-256 of the file by name. Default none.</value>
    public IReadOnlyDictionary<string, string> Adapters { get; init; } = new Dictionary<string, string>();

    /// <value>The control networks that are known with it: fingerprint by name. Default none.</value>
    public IReadOnlyDictionary<string, string> Controls { get; init; } = new Dictionary<string, string>();

    /// <summary>Side of the images that it was made for, in pixels.</summary>
    public int NativePixels => SampleSize * Compression;

    /// <summary>The same with another decoder, whose images are others.</summary>
    public CheckpointFacts With(OtherDecoder? decoder) => decoder is null
        ? this
        : this with { Decoder = decoder.Name, Fingerprint = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{Fingerprint} decoder {decoder.Fingerprint}"))) };

    /// <exception cref="InferenceException">A key is missing or not what it should be: the graph is of another version.</exception>
    public static CheckpointFacts From(GraphMetadata metadata) => new(
        metadata.Text("checkpoint"),
        metadata.Text("fingerprint"),
        metadata.Text("scheduler") switch
        {
            "DPMSolverMultistepScheduler" => SolverKind.FlowDpm,
            "FlowMatchEulerDiscreteScheduler" => SolverKind.FlowEuler,
            "SCMScheduler" => SolverKind.Scm,
            var other => throw metadata.Unusable("scheduler", other),
        },
        metadata.Number("flow_shift"),
        (float)metadata.Number("sigma_data"),
        (int)metadata.Number("sample_size"),
        (int)metadata.Number("spatial_compression"),
        (float)metadata.Number("guidance_embeds_scale"))
    {
        Precision = metadata.Keys.Contains("precision") ? metadata.Text("precision") : "float32",
        Blocks = metadata.Keys.Contains("num_layers") ? metadata.Whole("num_layers", 1, 512) : 0,
    };
}
