using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder;

/// <summary>A Sana checkpoint folder in the layout of the published <c>*_diffusers</c> repositories, and its graphs.</summary>
public static class SanaCheckpoint
{
    /// <summary>Writes the graphs of a checkpoint beside its weights, unless they are there and belong to these files.</summary>
    /// <param name="checkpoint">The folder that holds <c>model_index.json</c>.</param>
    /// <param name="options">How to build; what they leave open is as it was in the last build.</param>
    /// <exception cref="CheckpointException">The checkpoint is incomplete, damaged or of another kind, or no folder for its graphs can be written.</exception>
    public static BuildReport Build(string checkpoint, BuildOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var record = BuildRecord.Read(checkpoint);
        options = BuildRecord.Complete(options, record);
        if (record is not null && !options.Force && options.Clamp == Clamp.Auto)
            options = options with { Clamp = record.Clamp };
        var files = SanaFiles.Open(checkpoint, options);
        return new GraphSet
        {
            Folder = files.Folder,
            Fingerprint = files.Fingerprint,
            Weights = [.. files.TextEncoderWeights.Files, .. files.TransformerWeights.Files, .. files.AutoencoderWeights.Files],
            Metadata = files.MetadataOf(options.Precision),
            Graphs =
            [
                .. Graphs(files, GraphPrecision.Float32, null, options.Extended),
                .. options.Head ? [Head(files)] : Array.Empty<PlannedGraph>(),
                .. options.Encoder ? [Encoder(files)] : Array.Empty<PlannedGraph>(),
                .. options.Precision == GraphPrecision.Float32 ? [] : Graphs(files, options.Precision, options.Half, options.Extended),
            ],
        }.Write(record, options, Build);
    }

    /// <summary>What is in a checkpoint and what it will need.</summary>
    /// <exception cref="CheckpointException">The checkpoint is incomplete, damaged or of another kind.</exception>
    public static CheckpointSummary Describe(string checkpoint) => CheckpointSummary.From(SanaFiles.Open(checkpoint, BuildRecord.OptionsOf(checkpoint)));

    // Graphs of float32 are always there: the autoencoder's have no other, and they are the fall-back.
    private static IEnumerable<PlannedGraph> Graphs(SanaFiles files, GraphPrecision precision, Arithmetic? half, bool extended)
    {
        var (suffix, transformer) = TransformerIn(precision, half, files);
        var text = precision == GraphPrecision.Mixed ? half ?? Arithmetic.BFloat16 : transformer;
        yield return new($"text_encoder/model{suffix}.onnx", () => Said(SanaGraphs.TextEncoder(files.TextEncoder, files.TextEncoderWeights, text)));
        yield return new($"transformer/conditioning{suffix}.onnx", () => Conditioning(extended: false));
        yield return new($"transformer/model{suffix}.onnx", () => Denoiser(extended: false));
        if (extended)
        {
            yield return new($"transformer/conditioning{suffix}.extended.onnx", () => Conditioning(extended: true), $"transformer/conditioning{suffix}.onnx");
            yield return new($"transformer/model{suffix}.extended.onnx", () => Denoiser(extended: true), $"transformer/model{suffix}.onnx");
        }

        if (precision == GraphPrecision.Float32)
            yield return new("vae/decoder.onnx", () => Said(SanaGraphs.Decoder(files.Autoencoder, files.AutoencoderWeights)));

        Graph Conditioning(bool extended) => Said(SanaGraphs.Conditioning(files.Transformer, files.TransformerWeights, transformer, extended: extended));

        Graph Denoiser(bool extended) => Said(SanaGraphs.Denoiser(files.Transformer, files.TransformerWeights, files.Clamp.On, transformer, extended: extended));

        Graph Said(Graph graph) => Saying(graph, files, precision);
    }

    /// <summary>What the transformer's graphs, and those of its control networks, are called and compute in.</summary>
    internal static (string Suffix, Arithmetic Arithmetic) TransformerIn(GraphPrecision precision, Arithmetic? half, SanaFiles files) => precision switch
    {
        GraphPrecision.W8A8 => (".w8a8", Arithmetic.W8A8),
        GraphPrecision.Mixed => (".mixed", half ?? files.TrainedIn),
        _ => ("", Arithmetic.Float32),
    };

    private static PlannedGraph Encoder(SanaFiles files) =>
        new("vae/encoder.onnx", () => Saying(SanaGraphs.Encoder(files.Autoencoder, files.AutoencoderWeights), files, GraphPrecision.Float32));

    private static PlannedGraph Head(SanaFiles files)
    {
        files.RequireHead();
        return new("text_encoder/head.onnx", () => Saying(SanaGraphs.Head(files.TextEncoder, files.TextEncoderWeights), files, GraphPrecision.Float32));
    }

    private static Graph Saying(Graph graph, SanaFiles files, GraphPrecision precision)
    {
        foreach (var (key, value) in files.MetadataOf(precision))
            graph.Metadata(key, value);
        return graph;
    }
}

/// <summary>The files of a Sana checkpoint: its configs, and the headers of its weights, read and checked against the configs.</summary>
internal sealed class SanaFiles
{
    private SanaFiles(string folder, BuildOptions options)
    {
        Folder = CheckpointFolder.FullPath(folder, holds: "model_index.json");
        Name = CheckpointFolder.NameOf(Folder);
        Index = ModelIndex.Load(PathOf("model_index.json"));
        Scheduler = SchedulerConfig.Load(PathOf("scheduler/scheduler_config.json"));
        TextEncoder = Gemma2Config.Load(PathOf("text_encoder/config.json"));
        Transformer = SanaTransformerConfig.Load(PathOf("transformer/config.json"));
        Autoencoder = AutoencoderDCConfig.Load(PathOf("vae/config.json"));
        TextEncoderWeights = Open("text_encoder", "model", options.Variant).WithPrefixRemoved("model.");
        TransformerWeights = Open("transformer", "diffusion_pytorch_model", options.Variant);
        AutoencoderWeights = Open("vae", "diffusion_pytorch_model", options.Variant);
        TextEncoderWeights.Require(Gemma2Tensors.All(TextEncoder), options.IgnoreUnusedTensors);
        TransformerWeights.Require(SanaTransformerTensors.All(Transformer), options.IgnoreUnusedTensors);
        AutoencoderWeights.Require(AutoencoderDCTensors.All(Autoencoder), options.IgnoreUnusedTensors);
        CheckFit();
        Clamp = ClampRule.Decide(options.Clamp, Transformer, TransformerWeights, Name);
        string[] configs = ["model_index.json", "scheduler/scheduler_config.json", "text_encoder/config.json", "transformer/config.json", "vae/config.json"];
        Fingerprint = CheckpointFingerprint.Compute(
            $"clamp {Clamp.On}", configs.Select(PathOf), TextEncoderWeights, TransformerWeights, AutoencoderWeights);
    }

    public string Folder { get; }
    public string Name { get; }
    public ModelIndex Index { get; }
    public SchedulerConfig Scheduler { get; }
    public Gemma2Config TextEncoder { get; }
    public SanaTransformerConfig Transformer { get; }
    public AutoencoderDCConfig Autoencoder { get; }
    public SafetensorsWeights TextEncoderWeights { get; }
    public SafetensorsWeights TransformerWeights { get; }
    public SafetensorsWeights AutoencoderWeights { get; }
    public ClampRule Clamp { get; }

    /// <summary>SHA-256 over what an image depends on: configs, and names, lengths, headers and a sample of the weights.</summary>
    public string Fingerprint { get; }

    /// <summary>The half precision that the transformer was trained in: float16 where its attention is cut to that range, else bfloat16.</summary>
    public Arithmetic TrainedIn => Clamp.On ? Arithmetic.Float16 : Arithmetic.BFloat16;

    /// <summary>What running the checkpoint needs to know, in float32.</summary>
    public IReadOnlyList<(string Key, string Value)> Metadata => MetadataOf(GraphPrecision.Float32);

    /// <summary>The same in a precision. Images of another precision are other images, so it has a fingerprint of its own.</summary>
    public IReadOnlyList<(string Key, string Value)> MetadataOf(GraphPrecision precision) =>
    [
        ("checkpoint", Name),
        ("fingerprint", CheckpointFingerprint.In(precision, Fingerprint)),
        ("precision", precision.Word()),
        ("scheduler", Scheduler.ClassName),
        ("flow_shift", MetadataText.Of(Scheduler.FlowShift)),
        ("sigma_data", MetadataText.Of(Scheduler.SigmaData)),
        ("sample_size", MetadataText.Of(Transformer.SampleSize)),
        ("guidance_embeds_scale", MetadataText.Of(Transformer.GuidanceEmbedsScale)),
        ("vocab_size", MetadataText.Of(TextEncoder.VocabSize)),
        ("spatial_compression", MetadataText.Of(Autoencoder.SpatialCompression)),
        ("scaling_factor", MetadataText.Of(Autoencoder.ScalingFactor)),
        ("num_layers", MetadataText.Of(Transformer.NumLayers)),
    ];

    /// <exception cref="CheckpointException">Something is missing, damaged, or does not fit the rest.</exception>
    public static SanaFiles Open(string folder, BuildOptions options) => new(folder, options);

    /// <exception cref="CheckpointException">The text encoder's head is not its embedding.</exception>
    public void RequireHead()
    {
        Gemma2Config.Load(PathOf("text_encoder/config.json"), hasHead: true);
        if (TextEncoderWeights.Entries.Any(entry => entry.Name == "lm_head.weight"))
            throw new CheckpointException($"{PathOf("text_encoder")} holds lm_head.weight, a head of its own; prompts are enhanced by text encoders whose head is their embedding. Leave enhance_prompt out.");
    }

    private string PathOf(string file) => Path.Combine([Folder, .. file.Split('/')]);

    // A variant is published for some networks only: the others have their plain set. The transformer must have it.
    private SafetensorsWeights Open(string network, string stem, string? variant)
    {
        var folder = PathOf(network);
        var optional = variant is not null && network != "transformer" && !WeightVariants.Find(folder, stem).ContainsKey(variant);
        return SafetensorsWeights.Open(folder, stem, optional ? null : variant);
    }

    // The networks were made for each other: what one gives, the next takes.
    private void CheckFit()
    {
        if (Transformer.CaptionChannels != TextEncoder.HiddenSize)
        {
            throw new CheckpointException(
                $"{Folder}: transformer/config.json has caption_channels {Transformer.CaptionChannels}, text_encoder/config.json has hidden_size {TextEncoder.HiddenSize}; they must be equal, so the folders are of different checkpoints.");
        }

        if (Transformer.InChannels != Autoencoder.LatentChannels)
        {
            throw new CheckpointException(
                $"{Folder}: transformer/config.json has in_channels {Transformer.InChannels}, vae/config.json has latent_channels {Autoencoder.LatentChannels}; they must be equal, so the folders are of different checkpoints.");
        }

        if (Transformer.GuidanceEmbeds != (Scheduler.ClassName == SchedulerConfig.Scm))
        {
            throw new CheckpointException(
                $"{Folder}: scheduler {Scheduler.ClassName} does not fit a transformer with guidance_embeds {(Transformer.GuidanceEmbeds ? "true" : "false")}; Sprint has both, other checkpoints have neither.");
        }
    }
}

/// <summary>
/// Decides whether the self-attention output is cut to the half-precision range. The networks of the first release were trained in half precision with that cut;
/// without it their activations reach a million and the images break (huggingface/diffusers#10336).
/// </summary>
internal sealed record ClampRule(bool On, string Reason)
{
    public static ClampRule Decide(Clamp asked, SanaTransformerConfig config, SafetensorsWeights weights, string checkpointName)
    {
        if (asked != Clamp.Auto)
            return new ClampRule(asked == Clamp.On, "asked for");

        // Later networks differ in shape: query and key norms (1.5), position embedding (2K, 4K), embedded guidance (Sprint).
        if (config.QkNorm || config.InterpolationScale is not null || config.GuidanceEmbeds)
            return new ClampRule(false, "trained in bfloat16: query and key norms, positions or embedded guidance came after half precision");

        return weights["proj_out.weight"].Type switch
        {
            TensorType.F16 => new ClampRule(true, "stored in float16, so trained in it"),
            TensorType.BF16 => new ClampRule(false, "stored in bfloat16"),
            _ when checkpointName.Contains("BF16", StringComparison.OrdinalIgnoreCase) => new ClampRule(false, "the name says BF16"),
            // The plain files of the first release are float32 copies of what was trained in half precision. Where nothing exceeds 65504 the cut changes nothing.
            _ => new ClampRule(true, "float32 with the shape of the first release, which was trained in float16"),
        };
    }
}
