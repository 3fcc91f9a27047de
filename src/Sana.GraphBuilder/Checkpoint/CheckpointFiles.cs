using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Checkpoint;

/// <summary>A Sana checkpoint folder as published: configs read and checked, headers of the weights read and checked against them.</summary>
internal sealed class CheckpointFiles
{
    private CheckpointFiles(string folder, BuildOptions options)
    {
        Folder = System.IO.Path.GetFullPath(folder);
        if (!Directory.Exists(Folder))
        {
            throw new CheckpointException($"{folder} is not a folder; give the folder that holds model_index.json.");
        }

        Name = CheckpointName.Of(Folder);
        Index = ModelIndex.Load(PathOf("model_index.json"));
        Scheduler = SchedulerConfig.Load(PathOf("scheduler/scheduler_config.json"));
        TextEncoder = Gemma2Config.Load(PathOf("text_encoder/config.json"));
        Transformer = SanaTransformerConfig.Load(PathOf("transformer/config.json"));
        Autoencoder = AutoencoderDCConfig.Load(PathOf("vae/config.json"));
        TextEncoderWeights = Open("text_encoder", "model", options.Variant).WithPrefixRemoved("model.");
        TransformerWeights = Open("transformer", "diffusion_pytorch_model", options.Variant);
        AutoencoderWeights = Open("vae", "diffusion_pytorch_model", options.Variant);
        TextEncoderWeights.Holds(Gemma2Tensors.Of(TextEncoder));
        TransformerWeights.Holds(SanaTransformerTensors.Of(Transformer));
        AutoencoderWeights.Holds(AutoencoderDCTensors.OfEncoder(Autoencoder).Concat(AutoencoderDCTensors.OfDecoder(Autoencoder)));
        CheckFit();
        Clamp = ClampRule.For(options.Clamp, Transformer, TransformerWeights, Name);
        Fingerprint = Hash();
    }

    public string Folder { get; }

    public string Name { get; }

    public ModelIndex Index { get; }

    public SchedulerConfig Scheduler { get; }

    public Gemma2Config TextEncoder { get; }

    public SanaTransformerConfig Transformer { get; }

    public AutoencoderDCConfig Autoencoder { get; }

    public Weights TextEncoderWeights { get; }

    public Weights TransformerWeights { get; }

    public Weights AutoencoderWeights { get; }

    public ClampRule Clamp { get; }

    /// <summary>SHA-256 over what an image depends on: configs, and names, lengths, headers and a sample of the weights.</summary>
    public string Fingerprint { get; }

    /// <exception cref="CheckpointException">Something is missing, damaged, or does not fit the rest.</exception>
    public static CheckpointFiles Open(string folder, BuildOptions options) => new(folder, options);

    public string PathOf(string file) => System.IO.Path.Combine([Folder, .. file.Split('/')]);

    // A variant is published for some networks only: the others have their plain set.
    private Weights Open(string network, string stem, string? variant)
    {
        var folder = PathOf(network);
        var present = variant is not null && WeightVariants.Find(folder, stem).ContainsKey(variant);
        if (variant is not null && !present && network == "transformer")
        {
            return Weights.Open(folder, stem, variant); // says what there is
        }

        return Weights.Open(folder, stem, present ? variant : null);
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

    private string Hash()
    {
        string[] configs = ["model_index.json", "scheduler/scheduler_config.json", "text_encoder/config.json", "transformer/config.json", "vae/config.json"];
        return Checkpoint.Fingerprint.Of(
            $"sana.graph/{SanaGraphs.Version} clamp {Clamp.On}", configs.Select(PathOf), TextEncoderWeights, TransformerWeights, AutoencoderWeights);
    }
}
