using Sana.Inference.Diffusion;

namespace Sana.Jobs.Networks;

/// <summary>A checkpoint as plans need it: without its networks.</summary>
public interface IModel
{
    /// <summary>SHA-256 of what identifies the checkpoint, in hex.</summary>
    string Fingerprint { get; }

    /// <summary>The checkpoint's name.</summary>
    string ModelName { get; }

    /// <summary>What the networks compute in, as <see cref="PrecisionName"/> names it.</summary>
    string Precision => "float32";

    /// <summary>Name of the decoder that takes the place of the checkpoint's own; null for that.</summary>
    string? Decoder => null;

    /// <summary>The adapters that may be asked for: SHA-256 of the file by name.</summary>
    IReadOnlyDictionary<string, string> Adapters => new Dictionary<string, string>();

    /// <summary>The control networks that may be asked for: fingerprint by name.</summary>
    IReadOnlyDictionary<string, string> Controls => new Dictionary<string, string>();

    /// <summary>Who judges every image before it is written; null for nobody. The fingerprint is of both.</summary>
    GateCard? Gate => null;

    /// <summary>Fills every default from the checkpoint.</summary>
    /// <exception cref="Inference.InferenceException">An option is out of range for this checkpoint.</exception>
    GenerateOptions Resolve(GenerateOptions options);

    /// <summary>How many tokens a prompt has and how many are read; null where the tokenizer is not loaded.</summary>
    PromptLength? Measure(string prompt, bool useInstruction) => null;
}

/// <summary>What turns requests into pixels: the Sana pipeline, or a stand-in where no network is wanted.</summary>
public interface IRenderer : IModel
{
    /// <summary>The judges of <see cref="IModel.Gate"/>; null for nobody. The renderer's owner closes them.</summary>
    Gate? Judges => null;

    /// <summary>A more detailed prompt, which the checkpoint's own text encoder writes; the prompt where it wrote nothing that can be used. The same prompt gives the same text.</summary>
    /// <exception cref="Inference.InferenceException">The checkpoint cannot do that.</exception>
    string Enhance(string prompt, CancellationToken cancellationToken) => throw new Inference.InferenceException($"{ModelName} cannot enhance prompts; leave enhance_prompt out.");

    /// <summary>Renders one batch; the result has one entry per request, in order.</summary>
    IReadOnlyList<GeneratedImage> Generate(
        IReadOnlyList<ImageRequest> batch, GenerateOptions resolved, IProgress<GenerateProgress>? progress, CancellationToken cancellationToken);
}

/// <summary>What the graphs of a checkpoint say of it.</summary>
internal sealed record ModelFacts(CheckpointFacts Facts) : IModel
{
    public string Fingerprint => Facts.Fingerprint;

    public string ModelName => Facts.Name;

    public string Precision => Facts.Precision;

    public string? Decoder => Facts.Decoder;

    public IReadOnlyDictionary<string, string> Adapters => Facts.Adapters;

    public IReadOnlyDictionary<string, string> Controls => Facts.Controls;

    public GateCard? Gate { get; init; }

    public GenerateOptions Resolve(GenerateOptions options) => options.Resolve(Facts);
}
