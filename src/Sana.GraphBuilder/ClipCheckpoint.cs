using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder;

/// <summary>
/// A checkpoint folder of what scores images and texts, in the layout of transformers, and its graphs: CLIP (<c>openai/clip-vit-large-patch14</c>, laion's)
/// or SigLIP 2 of fixed resolution (<c>google/siglip2-base-patch16-224</c>). <c>model_type</c> in its config.json says which.
/// </summary>
public static class ClipCheckpoint
{
    /// <summary>Writes <c>vision_model.onnx</c> and <c>text_model.onnx</c> beside the weights, and <c>vision_model.w8a8.onnx</c> and <c>text_model.w8a8.onnx</c> where these are asked for, unless they are there and belong to these files.</summary>
    /// <param name="checkpoint">The folder that holds <c>config.json</c>, <c>preprocessor_config.json</c> and <c>model.safetensors</c> or its shards.</param>
    /// <param name="options">How to build; without a variant, that of the last build. There is nothing to clamp, and precision is float32 or w8a8.</param>
    /// <exception cref="CheckpointException">The checkpoint is incomplete, damaged or of another kind, or no folder for its graphs can be written.</exception>
    public static BuildReport Build(string checkpoint, BuildOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (SiglipCheckpoint.IsIn(checkpoint))
            return SiglipCheckpoint.Build(checkpoint, options);
        var record = BuildRecord.Read(checkpoint);
        options = BuildRecord.Complete(options, record);
        var files = ClipFiles.Open(checkpoint, options);
        return new GraphSet
        {
            Folder = files.Folder,
            Fingerprint = files.Fingerprint,
            Weights = files.Weights.Files,
            Metadata = files.MetadataOf(options.Precision),
            Graphs = CheckpointFolder.Graphs(options.Precision, files.MetadataOf, ("vision_model", files.Vision), ("text_model", files.Text)),
        }.Write(record, options, Build);
    }

    /// <summary>What is in a checkpoint and what it will need.</summary>
    /// <exception cref="CheckpointException">The checkpoint is incomplete, damaged or of another kind.</exception>
    public static ClipSummary Describe(string checkpoint) => SiglipCheckpoint.IsIn(checkpoint)
        ? SiglipCheckpoint.Describe(checkpoint)
        : ClipSummary.From(ClipFiles.Open(checkpoint, BuildRecord.OptionsOf(checkpoint)));

    /// <summary>
    /// Whether a folder's <c>config.json</c> says that it is SigLIP; false where it is not there or cannot be read: whoever reads it next says what is wrong.
    /// </summary>
    public static bool IsSiglip(string checkpoint)
    {
        try
        {
            return SiglipCheckpoint.IsIn(checkpoint);
        }
        catch (CheckpointException)
        {
            return false;
        }
    }

    /// <summary>Whether a folder holds such a checkpoint: it has a <c>config.json</c> and, unlike a pipeline's folder, no <c>model_index.json</c>.</summary>
    public static bool IsIn(string checkpoint) => File.Exists(Path.Combine(checkpoint, "config.json")) && !File.Exists(Path.Combine(checkpoint, "model_index.json"));
}

/// <summary>What is in a checkpoint of CLIP or SigLIP 2.</summary>
/// <param name="Name">Of its folder; <c>owner/name</c> in the Hugging Face cache.</param>
/// <param name="ImageSize">Side of the image that it reads, in pixels.</param>
/// <param name="ContextLength">Longest text in tokens, start and end included; SigLIP has no start token.</param>
/// <param name="ProjectionDim">Width of the embeddings.</param>
/// <param name="HiddenAct">Activation of the image tower: <c>quick_gelu</c> or <c>gelu</c>; of SigLIP <c>gelu_pytorch_tanh</c>.</param>
/// <param name="Fingerprint">SHA-256 over configs, tokenizer and the headers, lengths and a sample of the weights, lower-case hex.</param>
/// <param name="Towers">Image tower, text tower.</param>
/// <param name="StoredAs">Element types of the weights, as in <c>F32</c>.</param>
/// <param name="Bytes">Of the weights' files.</param>
/// <param name="Files">Names of the weights' files.</param>
public sealed record ClipSummary(
    string Name,
    int ImageSize,
    int ContextLength,
    int ProjectionDim,
    string HiddenAct,
    string Fingerprint,
    IReadOnlyList<TowerSummary> Towers,
    string StoredAs,
    long Bytes,
    IReadOnlyList<string> Files)
{
    /// <value><c>CLIP</c> or <c>SigLIP</c>.</value>
    public string Family { get; init; } = "CLIP";

    /// <value>What SigLIP multiplies cosines by for a logit; null for CLIP.</value>
    public double? LogitScale { get; init; }

    /// <value>What SigLIP adds then; the sigmoid of the sum is a probability. Null for CLIP.</value>
    public double? LogitBias { get; init; }

    internal static ClipSummary From(ClipFiles files)
    {
        var (config, weights) = (files.Config, NetworkSummary.From("model", files.Weights));
        return new(
            files.Name,
            config.ImageSize,
            config.MaxPositionEmbeddings,
            config.ProjectionDim,
            config.Vision.HiddenAct,
            files.Fingerprint,
            [
                TowerSummary.From("vision_model", config.Vision.NumHiddenLayers, config.Vision.HiddenSize, ClipTensors.Vision(config), files.Vision(Arithmetic.W8A8)),
                TowerSummary.From("text_model", config.Text.NumHiddenLayers, config.Text.HiddenSize, ClipTensors.Text(config), files.Text(Arithmetic.W8A8)),
            ],
            weights.StoredAs,
            weights.Bytes,
            weights.Files);
    }
}

/// <summary>One tower of a CLIP or SigLIP checkpoint, or one half of a captioner.</summary>
/// <param name="Name"><c>vision_model</c> or <c>text_model</c>; <c>encoder</c> or <c>decoder</c>.</param>
/// <param name="Layers">Of its transformer.</param>
/// <param name="Width">Of a token.</param>
/// <param name="Parameters">Numbers in its tensors, projection included.</param>
/// <param name="MemoryBytes">What they take while it is loaded, in float32.</param>
public sealed record TowerSummary(string Name, int Layers, int Width, long Parameters, long MemoryBytes)
{
    /// <value>What they take while it is loaded in precision <c>w8a8</c>; null where it has none.</value>
    public long? EightBitBytes { get; init; }

    internal static TowerSummary From(string name, int layers, int width, IEnumerable<ExpectedTensor> tensors, params IEnumerable<Graph> inEightBits)
    {
        ExpectedTensor[] all = [.. tensors];
        var names = all.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        var (parameters, graphs) = (all.Sum(tensor => tensor.Elements), inEightBits.ToArray());
        var saved = graphs.SelectMany(graph => graph.EightBits.Matrices).Where(matrix => names.Contains(matrix.Name)).Sum(matrix => matrix.Float32Bytes - matrix.Bytes);
        return new(name, layers, width, parameters, parameters * sizeof(float)) { EightBitBytes = graphs.Length == 0 ? null : (parameters * sizeof(float)) - saved };
    }
}

/// <summary>The files of a CLIP checkpoint: its configs, and the headers of its weights, read and checked against the configs.</summary>
internal sealed class ClipFiles
{
    private ClipFiles(string folder, BuildOptions options)
    {
        Folder = CheckpointFolder.FullPath(folder, holds: "config.json");
        Name = CheckpointFolder.NameOf(Folder);
        var (config, preprocessor) = (Path.Combine(Folder, "config.json"), Path.Combine(Folder, "preprocessor_config.json"));
        Config = ClipConfig.Load(config);
        Image = ClipImageConfig.Load(preprocessor, Config.ImageSize);
        Weights = CheckpointFolder.OpenWeights(Folder, "CLIP", options, eightBits: true);
        Weights.Require(ClipTensors.All(Config), options.IgnoreUnusedTensors);
        var tokenizer = CheckpointFingerprint.OfPresent(Folder, "vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json");
        Fingerprint = CheckpointFingerprint.Compute($"clip {tokenizer}", [config, preprocessor], Weights);
    }

    public string Folder { get; }
    public string Name { get; }
    public ClipConfig Config { get; }
    public ClipImageConfig Image { get; }
    public SafetensorsWeights Weights { get; }

    /// <summary>SHA-256 over what a score depends on: configs, tokenizer, and names, lengths, headers and a sample of the weights.</summary>
    public string Fingerprint { get; }

    /// <summary>vision_model.onnx.</summary>
    public Graph Vision(Arithmetic arithmetic) => ClipGraphs.Vision(Config, Weights, arithmetic: arithmetic);

    /// <summary>text_model.onnx.</summary>
    public Graph Text(Arithmetic arithmetic) => ClipGraphs.Text(Config, Weights, arithmetic: arithmetic);

    /// <summary>What running the checkpoint in a precision needs to know.</summary>
    public IReadOnlyList<(string Key, string Value)> MetadataOf(GraphPrecision precision) =>
    [
        ("checkpoint", Name),
        ("fingerprint", CheckpointFingerprint.In(precision, Fingerprint)),
        ("vocab_size", MetadataText.Of(Config.VocabSize)),
        ("max_position_embeddings", MetadataText.Of(Config.MaxPositionEmbeddings)),
        .. Image.Metadata,
    ];

    /// <exception cref="CheckpointException">Something is missing, damaged, or does not fit the rest.</exception>
    public static ClipFiles Open(string folder, BuildOptions options) => new(folder, options);
}
