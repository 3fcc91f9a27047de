using Sana.GraphBuilder.Configs;

namespace Sana.GraphBuilder;

/// <summary>
/// An image captioner's checkpoint folder in the layout of transformers, and its graphs: Florence-2 (<c>florence-community/Florence-2-base</c> and its sisters), or a
/// VisionEncoderDecoderModel of ViT with GPT-2 (<c>nlpconnect/vit-gpt2-image-captioning</c>). <c>model_type</c> in its config.json says which.
/// </summary>
public static class CaptionerCheckpoint
{
    /// <summary>Writes <c>encoder_model.onnx</c> and <c>decoder_model.onnx</c> beside the weights, and <c>encoder_model.w8a8.onnx</c> and <c>decoder_model.w8a8.onnx</c> where these are asked for, unless they are there and belong to these files.</summary>
    /// <param name="checkpoint">The folder that holds <c>config.json</c>, <c>preprocessor_config.json</c> and <c>model.safetensors</c> or its shards.</param>
    /// <param name="options">How to build; without a variant, that of the last build. There is nothing to clamp, and precision is float32 or w8a8.</param>
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
            Metadata = files.MetadataOf(options.Precision),
            Graphs = CheckpointFolder.Graphs(options.Precision, files.MetadataOf, ("encoder_model", files.Encoder), ("decoder_model", files.Decoder)),
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
            return File.Exists(config) && JsonConfig.Load(config) is var json
                && (json.Says("model_type", VisionEncoderDecoderConfig.ModelType) || json.Says("model_type", Florence2Config.ModelType));
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
/// <param name="Networks">In forward order.</param>
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
    /// <value><c>Florence-2</c> or <c>ViT with GPT-2</c>.</value>
    public string Family { get; init; } = "";

    /// <value>Beams unless somebody asks for another number.</value>
    public int Beams { get; init; }

    /// <value>What it can be asked for, by the names that <c>task</c> has in <c>captioners.json</c>; none where nothing is asked.</value>
    public IReadOnlyList<string> Tasks { get; init; } = [];

    /// <value>What the decoder reads of an image while its caption is written, in bytes of float32.</value>
    public long ImageBytes { get; init; }

    /// <value>Keys and values of the longest caption, for one beam, in bytes of float32.</value>
    public long CaptionBytes { get; init; }

    internal static CaptionerSummary From(CaptionerFiles files)
    {
        var weights = NetworkSummary.From("model", files.Weights);
        var (layers, width, tokens) = files.DecoderSize;
        return new(
            files.Name, files.Image.Side, files.VocabSize, files.Generation.MaxTokens, files.Fingerprint, files.Networks, weights.StoredAs, weights.Bytes, weights.Files)
        {
            Family = files.Family,
            Beams = files.Generation.NumBeams,
            Tasks = files.Tasks,
            ImageBytes = 2L * layers * width * tokens * sizeof(float),
            CaptionBytes = 2L * layers * width * files.Generation.MaxTokens * sizeof(float),
        };
    }
}
