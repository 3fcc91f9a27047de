using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder;

/// <summary>An image captioner's checkpoint folder in the layout of transformers' VisionEncoderDecoderModel, ViT with GPT-2 (<c>nlpconnect/vit-gpt2-image-captioning</c>), and its graphs.</summary>
public static class CaptionerCheckpoint
{
    /// <summary>Writes <c>encoder_model.onnx</c> and <c>decoder_model.onnx</c> beside the weights, unless they are there and belong to these files.</summary>
    /// <param name="checkpoint">The folder that holds <c>config.json</c>, <c>preprocessor_config.json</c> and <c>model.safetensors</c> or its shards.</param>
    /// <param name="options">How to build; without a variant, that of the last build. There is nothing to clamp, and precision is float32.</param>
    /// <exception cref="CheckpointException">The checkpoint is incomplete, damaged or of another kind, or no folder for its graphs can be written.</exception>
    public static BuildReport Build(string checkpoint, BuildOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var record = BuildRecord.Read(checkpoint);
        options = BuildRecord.Complete(options, record);
        var files = CaptionerFiles.Open(checkpoint, options);
        return new GraphSet
        {
            Folder = files.Folder,
            Fingerprint = files.Fingerprint,
            Weights = files.Weights.Files,
            Metadata = files.Metadata,
            Graphs =
            [
                new("encoder_model.onnx", () => CaptionerGraphs.Encoder(files.Config, files.Tables, files.Weights)),
                new("decoder_model.onnx", () => CaptionerGraphs.Decoder(files.Config, files.Tables, files.Weights)),
            ],
        }.Write(record, options, Build);
    }

    /// <summary>What is in a checkpoint and what it will need.</summary>
    /// <exception cref="CheckpointException">The checkpoint is incomplete, damaged or of another kind.</exception>
    public static CaptionerSummary Describe(string checkpoint) => CaptionerSummary.From(CaptionerFiles.Open(checkpoint, BuildRecord.OptionsOf(checkpoint)));

    /// <summary>Whether a folder holds a captioner's checkpoint: its <c>config.json</c> says so.</summary>
    public static bool IsIn(string checkpoint)
    {
        var config = Path.Combine(checkpoint, "config.json");
        try
        {
            return File.Exists(config) && JsonConfig.Load(config).Says("model_type", VisionEncoderDecoderConfig.ModelType);
        }
        catch (CheckpointException)
        {
            return false; // whoever reads it next says what is wrong with it
        }
    }
}

/// <summary>What is in a captioner's checkpoint.</summary>
/// <param name="Name">Of its folder; <c>owner/name</c> in the Hugging Face cache.</param>
/// <param name="ImageSize">Side of the image that it reads, in pixels.</param>
/// <param name="VocabSize">Tokens that it chooses from.</param>
/// <param name="MaxTokens">Longest caption in tokens unless somebody asks for another.</param>
/// <param name="Fingerprint">SHA-256 over configs, vocabulary and the headers, lengths and a sample of the weights, lower-case hex.</param>
/// <param name="Networks">Encoder, decoder.</param>
/// <param name="StoredAs">Element types of the weights, as in <c>F32</c>.</param>
/// <param name="Bytes">Of the weights' files.</param>
/// <param name="Files">Names of the weights' files.</param>
public sealed record CaptionerSummary(
    string Name,
    int ImageSize,
    int VocabSize,
    int MaxTokens,
    string Fingerprint,
    IReadOnlyList<TowerSummary> Networks,
    string StoredAs,
    long Bytes,
    IReadOnlyList<string> Files)
{
    internal static CaptionerSummary From(CaptionerFiles files)
    {
        var (config, weights) = (files.Config, NetworkSummary.From("model", files.Weights));
        return new(
            files.Name,
            config.Encoder.ImageSize,
            config.Decoder.VocabSize,
            config.Generation.MaxTokens,
            files.Fingerprint,
            [
                TowerSummary.From("encoder", config.Encoder.NumHiddenLayers, config.Encoder.HiddenSize, CaptionerTensors.Encoder(config)),
                TowerSummary.From("decoder", config.Decoder.NLayer, config.Decoder.NEmbd, CaptionerTensors.Decoder(config.Decoder, files.Tables)),
            ],
            weights.StoredAs,
            weights.Bytes,
            weights.Files);
    }
}

/// <summary>The files of a captioner's checkpoint: its configs, and the headers of its weights, read and checked against the configs.</summary>
internal sealed class CaptionerFiles
{
    private CaptionerFiles(string folder, BuildOptions options)
    {
        Folder = CheckpointFolder.FullPath(folder, holds: "config.json");
        Name = CheckpointFolder.NameOf(Folder);
        var (config, preprocessor) = (Path.Combine(Folder, "config.json"), Path.Combine(Folder, "preprocessor_config.json"));
        Config = VisionEncoderDecoderConfig.Load(config, Path.Combine(Folder, "generation_config.json"));
        Image = VitImageConfig.Load(preprocessor, Config.Encoder.ImageSize);
        Weights = CheckpointFolder.OpenWeights(Folder, "captioner's", options);
        Tables = TokenTables.Find(Weights, Config.Decoder.TieWordEmbeddings);
        Weights.Require(CaptionerTensors.All(Config, Tables), options.IgnoreUnusedTensors);
        var others = CheckpointFingerprint.OfPresent(Folder, "generation_config.json", "vocab.json", "added_tokens.json", "tokenizer.json");
        Fingerprint = CheckpointFingerprint.Compute($"captioner {others}", [config, preprocessor], Weights);
    }

    public string Folder { get; }
    public string Name { get; }
    public VisionEncoderDecoderConfig Config { get; }
    public VitImageConfig Image { get; }
    public SafetensorsWeights Weights { get; }
    public TokenTables Tables { get; }

    /// <summary>SHA-256 over what a caption depends on: configs, vocabulary, and names, lengths, headers and a sample of the weights.</summary>
    public string Fingerprint { get; }

    /// <summary>What running the checkpoint needs to know.</summary>
    public IReadOnlyList<(string Key, string Value)> Metadata =>
    [
        ("checkpoint", Name),
        ("fingerprint", Fingerprint),
        ("vocab_size", CheckpointFolder.Text(Config.Decoder.VocabSize)),
        ("n_positions", CheckpointFolder.Text(Config.Decoder.NPositions)),
        ("decoder_start_token_id", CheckpointFolder.Text(Config.Generation.DecoderStartTokenId)),
        ("eos_token_id", CheckpointFolder.Text(Config.Generation.EosTokenIds)),
        ("max_new_tokens", CheckpointFolder.Text(Config.Generation.MaxTokens)),
        ("image_size", CheckpointFolder.Text(Config.Encoder.ImageSize)),
        ("resample", Image.Resample),
        ("rescale_factor", CheckpointFolder.Text(Image.RescaleFactor)),
        ("image_mean", CheckpointFolder.Text(Image.ImageMean)),
        ("image_std", CheckpointFolder.Text(Image.ImageStd)),
    ];

    /// <exception cref="CheckpointException">Something is missing, damaged, or does not fit the rest.</exception>
    public static CaptionerFiles Open(string folder, BuildOptions options) => new(folder, options);
}
