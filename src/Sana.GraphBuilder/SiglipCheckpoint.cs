using System.Buffers.Binary;
using System.Globalization;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder;

/// <summary>
/// A SigLIP 2 checkpoint folder in the layout of transformers (<c>google/siglip2-base-patch16-224</c> and its sisters of fixed resolution), and its graphs.
/// Callers go through <see cref="ClipCheckpoint"/>.
/// </summary>
internal static class SiglipCheckpoint
{
    /// <summary>Whether the folder's <c>config.json</c> says that it is of this family.</summary>
    /// <exception cref="CheckpointException">There is a config.json that cannot be read.</exception>
    public static bool IsIn(string checkpoint) => Path.Combine(checkpoint, "config.json") is var config && File.Exists(config) && SiglipConfig.IsFamily(config);

    public static BuildReport Build(string checkpoint, BuildOptions options)
    {
        var record = BuildRecord.Read(checkpoint);
        options = BuildRecord.Complete(options, record);
        var files = new SiglipFiles(checkpoint, options);
        return new GraphSet
        {
            Folder = files.Folder,
            Fingerprint = files.Fingerprint,
            Weights = files.Weights.Files,
            Metadata = files.MetadataOf(options.Precision),
            Graphs = CheckpointFolder.Graphs(options.Precision, files.MetadataOf, ("vision_model", files.Vision), ("text_model", files.Text)),
        }.Write(record, options, Build);
    }

    public static ClipSummary Describe(string checkpoint)
    {
        var files = new SiglipFiles(checkpoint, BuildRecord.OptionsOf(checkpoint));
        var (config, weights) = (files.Config, NetworkSummary.From("model", files.Weights));
        return new(
            files.Name,
            config.ImageSize,
            config.MaxPositionEmbeddings,
            config.ProjectionSize,
            config.Vision.HiddenAct,
            files.Fingerprint,
            [
                TowerSummary.From("vision_model", config.Vision.NumHiddenLayers, config.Vision.HiddenSize, SiglipTensors.Vision(config), files.Vision(Arithmetic.W8A8)),
                TowerSummary.From("text_model", config.Text.NumHiddenLayers, config.Text.HiddenSize, SiglipTensors.Text(config), files.Text(Arithmetic.W8A8)),
            ],
            weights.StoredAs,
            weights.Bytes,
            weights.Files)
        { Family = "SigLIP", LogitScale = files.LogitScale, LogitBias = files.LogitBias };
    }
}

/// <summary>The files of a SigLIP 2 checkpoint: its configs, and the headers of its weights, read and checked against the configs.</summary>
internal sealed class SiglipFiles
{
    private readonly VitImageConfig _image;

    /// <exception cref="CheckpointException">Something is missing, damaged, or does not fit the rest.</exception>
    public SiglipFiles(string folder, BuildOptions options)
    {
        Folder = CheckpointFolder.FullPath(folder, holds: "config.json");
        Name = CheckpointFolder.NameOf(Folder);
        var (config, preprocessor) = (Path.Combine(Folder, "config.json"), Path.Combine(Folder, "preprocessor_config.json"));
        Config = SiglipConfig.Load(config);
        _image = VitImageConfig.LoadSiglip(preprocessor, Config.ImageSize);
        // The first SigLIP models have the same networks and a vocabulary of another kind, spiece.model.
        if (!File.Exists(Path.Combine(Folder, "tokenizer.json")))
        {
            throw new CheckpointException($"{Folder} has no tokenizer.json with Gemma's vocabulary, which SigLIP 2 has; "
                + "fetch the whole checkpoint of a SigLIP 2 model, such as google/siglip2-base-patch16-224.");
        }

        Weights = CheckpointFolder.OpenWeights(Folder, "SigLIP", options, eightBits: true);
        Weights.Require(SiglipTensors.All(Config), options.IgnoreUnusedTensors);
        LogitScale = Math.Exp(Number("logit_scale", -20, 20));
        LogitBias = Number("logit_bias", -1e6, 1e6);
        var tokenizer = CheckpointFingerprint.OfPresent(Folder, "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json");
        Fingerprint = CheckpointFingerprint.Compute($"siglip {tokenizer}", [config, preprocessor], Weights);
    }

    public string Folder { get; }
    public string Name { get; }
    public SiglipConfig Config { get; }
    public SafetensorsWeights Weights { get; }

    /// <summary>What cosines are multiplied by: exp of the stored number.</summary>
    public double LogitScale { get; }

    /// <summary>What is added then. The sigmoid of the sum is the probability that image and text belong together.</summary>
    public double LogitBias { get; }

    /// <summary>SHA-256 over what a score depends on: configs, tokenizer, and names, lengths, headers and a sample of the weights.</summary>
    public string Fingerprint { get; }

    /// <summary>vision_model.onnx.</summary>
    public Graph Vision(Arithmetic arithmetic) => SiglipGraphs.Vision(Config, Weights, arithmetic: arithmetic);

    /// <summary>text_model.onnx.</summary>
    public Graph Text(Arithmetic arithmetic) => SiglipGraphs.Text(Config, Weights, arithmetic: arithmetic);

    /// <summary>What running the checkpoint in a precision needs to know.</summary>
    public IReadOnlyList<(string Key, string Value)> MetadataOf(GraphPrecision precision) =>
    [
        ("checkpoint", Name),
        ("fingerprint", CheckpointFingerprint.In(precision, Fingerprint)),
        ("model_type", SiglipConfig.ModelType),
        ("vocab_size", MetadataText.Of(Config.VocabSize)),
        ("max_position_embeddings", MetadataText.Of(Config.MaxPositionEmbeddings)),
        .. _image.Metadata,
        ("logit_scale_exp", MetadataText.Of(LogitScale)),
        ("logit_bias", MetadataText.Of(LogitBias)),
    ];

    // A tensor of one number.
    private double Number(string name, double from, double to)
    {
        var entry = Weights[name];
        Span<byte> bytes = stackalloc byte[(int)entry.Length];
        using (var file = RegularFile.Open(entry.File))
            RegularFile.Fill(file, bytes, entry.Offset, entry.File);
        var number = entry.Type switch
        {
            TensorType.F32 => BinaryPrimitives.ReadSingleLittleEndian(bytes),
            TensorType.F16 => (double)BinaryPrimitives.ReadHalfLittleEndian(bytes),
            _ => BitConverter.Int32BitsToSingle(BinaryPrimitives.ReadUInt16LittleEndian(bytes) << 16), // bfloat16: the upper half of a float32
        };
        return number >= from && number <= to
            ? number
            : throw new CheckpointException(string.Create(
                CultureInfo.InvariantCulture, $"{entry.Place} is {number}, but must be a number from {from} to {to}; fetch the checkpoint again."));
    }
}
