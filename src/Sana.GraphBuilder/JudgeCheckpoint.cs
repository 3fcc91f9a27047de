using System.Text.Json;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder;

/// <summary>
/// A checkpoint folder of a network that judges images or prompts: an image classifier in the layout of transformers (ViTForImageClassification, as
/// <c>Falconsai/nsfw_image_detection</c>), the safety checker of Stable Diffusion (<c>CompVis/stable-diffusion-safety-checker</c>), or a language model that
/// judges prompts (Gemma2ForCausalLM, as <c>google/shieldgemma-2b</c>). Its config.json says which.
/// </summary>
public static class JudgeCheckpoint
{
    /// <summary>Whether a folder's <c>config.json</c> says that it holds one; false where it is not there or cannot be read.</summary>
    public static bool IsIn(string checkpoint)
    {
        try
        {
            return Path.Combine(checkpoint, "config.json") is var file && File.Exists(file) && JudgeFiles.Is(JsonConfig.Load(file));
        }
        catch (CheckpointException)
        {
            return false; // whoever reads it next says what is wrong with it
        }
    }

    /// <summary>Writes <c>model.onnx</c>, and of a judge of prompts <c>tokens.onnx</c>, beside the weights, unless they are there and belong to these files.</summary>
    /// <param name="checkpoint">The folder that holds <c>config.json</c>, <c>preprocessor_config.json</c> (of a judge of prompts <c>tokenizer.json</c>) and <c>model.safetensors</c> or its shards.</param>
    /// <param name="options">How to build; without a variant, that of the last build. There is nothing to clamp, and precision is float32.</param>
    /// <exception cref="CheckpointException">The checkpoint is incomplete, damaged or of another kind, or no folder for its graphs can be written.</exception>
    public static BuildReport Build(string checkpoint, BuildOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var record = BuildRecord.Read(checkpoint);
        options = BuildRecord.Complete(options, record);
        var files = JudgeFiles.Open(checkpoint, options);
        return new GraphSet
        {
            Folder = files.Folder,
            Fingerprint = files.Fingerprint,
            Weights = files.Weights.Files,
            Metadata = files.Metadata,
            Graphs = files.Graphs,
        }.Write(record, options, Build);
    }

    /// <summary>What is in a checkpoint and what it will need.</summary>
    /// <exception cref="CheckpointException">The checkpoint is incomplete, damaged or of another kind.</exception>
    public static JudgeSummary Describe(string checkpoint)
    {
        var files = JudgeFiles.Open(checkpoint, BuildRecord.OptionsOf(checkpoint));
        var weights = NetworkSummary.From("model", files.Weights);
        return new(files.Name, files.Kind, files.Side, files.Labels, files.Fingerprint, files.Network, weights.StoredAs, weights.Bytes, weights.Files);
    }
}

/// <summary>What is in the checkpoint of a judge.</summary>
/// <param name="Name">Of its folder; <c>owner/name</c> in the Hugging Face cache.</param>
/// <param name="Kind"><c>classifier</c>, <c>safety-checker</c> or <c>prompt</c>.</param>
/// <param name="ImageSize">Side of the image that it reads, in pixels; null of a judge of prompts.</param>
/// <param name="Labels">Of a classifier, in the order of its outputs; none of a safety checker.</param>
/// <param name="Fingerprint">SHA-256 over configs and the headers, lengths and a sample of the weights, lower-case hex.</param>
/// <param name="Network">The network, with what is behind it.</param>
/// <param name="StoredAs">Element types of the weights, as in <c>F32</c>.</param>
/// <param name="Bytes">Of the weights' files.</param>
/// <param name="Files">Names of the weights' files.</param>
public sealed record JudgeSummary(
    string Name, string Kind, int? ImageSize, IReadOnlyList<string> Labels, string Fingerprint, TowerSummary Network, string StoredAs, long Bytes, IReadOnlyList<string> Files);

/// <summary>The files of a judge's checkpoint: its configs, and the headers of its weights, read and checked against the configs.</summary>
internal sealed class JudgeFiles
{
    private const string Checker = "StableDiffusionSafetyChecker";
    private const string LanguageModel = "Gemma2ForCausalLM";

    public required string Folder { get; init; }
    public string Name => CheckpointFolder.NameOf(Folder);

    /// <summary>classifier, safety-checker or prompt.</summary>
    public required string Kind { get; init; }
    public required string ModelType { get; init; }
    public int? Side { get; init; }
    public IReadOnlyList<string> Labels { get; init; } = [];
    public required SafetensorsWeights Weights { get; init; }
    public required string Fingerprint { get; init; }
    public required IEnumerable<(string Key, string Value)> InputMetadata { get; init; }
    public required TowerSummary Network { get; init; }
    public required IReadOnlyList<PlannedGraph> Graphs { get; init; }

    /// <summary>What running the checkpoint needs to know.</summary>
    public IReadOnlyList<(string Key, string Value)> Metadata =>
    [
        ("checkpoint", Name),
        ("fingerprint", Fingerprint),
        ("model_type", ModelType),
        .. Labels.Count > 0 ? new[] { ("id2label", JsonSerializer.Serialize(Labels, LabelsJson.Default.IReadOnlyListString)) } : [],
        .. InputMetadata,
    ];

    /// <summary>Whether a config.json is one of a judge.</summary>
    public static bool Is(JsonConfig config) => IsChecker(config) || config.Says("model_type", VitClassifierConfig.ModelType) || IsLanguageModel(config);

    /// <exception cref="CheckpointException">Something is missing, damaged, or does not fit the rest.</exception>
    public static JudgeFiles Open(string checkpoint, BuildOptions options)
    {
        var folder = CheckpointFolder.FullPath(checkpoint, holds: "config.json");
        var (config, image) = (Path.Combine(folder, "config.json"), Path.Combine(folder, "preprocessor_config.json"));
        var json = JsonConfig.Load(config);
        return IsChecker(json) ? SafetyChecker(folder, config, image, options)
            : json.Says("model_type", VitClassifierConfig.ModelType) ? Classifier(folder, config, image, options)
            : IsLanguageModel(json) ? Prompt(folder, config, options)
            : throw json.Wrong("model_type", $"\"{VitClassifierConfig.ModelType}\" of an image classifier (ViTForImageClassification), or architectures must be [\"{Checker}\"] or [\"{LanguageModel}\"]");
    }

    private static bool IsChecker(JsonConfig config) => config.Lists("architectures", Checker);

    private static bool IsLanguageModel(JsonConfig config) => config.Lists("architectures", LanguageModel);

    private static JudgeFiles Classifier(string folder, string configFile, string imageFile, BuildOptions options)
    {
        var config = VitClassifierConfig.Load(configFile);
        var image = VitImageConfig.Load(imageFile, config.Vit.ImageSize, "image_size");
        var weights = CheckpointFolder.OpenWeights(folder, "classifier's", options);
        weights.Require(config.Tensors(), options.IgnoreUnusedTensors);
        return new JudgeFiles
        {
            Folder = folder,
            Kind = "classifier",
            ModelType = VitClassifierConfig.ModelType,
            Side = config.Vit.ImageSize,
            Labels = config.Labels,
            Weights = weights,
            Fingerprint = CheckpointFingerprint.Compute("classifier", [configFile, imageFile], weights),
            InputMetadata = image.Metadata,
            Network = TowerSummary.From(VitClassifierConfig.ModelType, config.Vit.NumHiddenLayers, config.Vit.HiddenSize, config.Tensors()),
            Graphs = [new("model.onnx", () => JudgeGraphs.Classifier(config, weights))],
        };
    }

    private static JudgeFiles SafetyChecker(string folder, string configFile, string imageFile, BuildOptions options)
    {
        var config = ClipConfig.Load(configFile);
        var image = ClipImageConfig.Load(imageFile, config.ImageSize);
        var weights = CheckpointFolder.OpenWeights(folder, "safety checker's", options).WithPrefixRemoved(SafetyCheckerTensors.Prefix);
        ExpectedTensor[] tensors = [.. SafetyCheckerTensors.All(config, Rows(JudgeGraphs.Concepts), Rows(JudgeGraphs.SpecialCare))];
        weights.Require(tensors, options.IgnoreUnusedTensors);
        return new JudgeFiles
        {
            Folder = folder,
            Kind = "safety-checker",
            ModelType = "safety_checker",
            Side = config.ImageSize,
            Weights = weights,
            Fingerprint = CheckpointFingerprint.Compute("safety_checker", [configFile, imageFile], weights),
            InputMetadata = image.Metadata,
            Network = TowerSummary.From("vision_model", config.Vision.NumHiddenLayers, config.Vision.HiddenSize, tensors),
            Graphs = [new("model.onnx", () => JudgeGraphs.SafetyChecker(config, weights))],
        };

        // The config does not say how many concepts there are.
        long Rows(string name) => weights[name] is { Shape: [>= 1 and <= SafetyCheckerTensors.MostConcepts, _] } entry
            ? entry.Shape[0]
            : throw new CheckpointException($"{weights[name].Place} has shape {Quoted.Shape(weights[name].Shape)}, but must be [1…{SafetyCheckerTensors.MostConcepts}, {config.ProjectionDim}]; fetch it again.");
    }

    private static JudgeFiles Prompt(string folder, string configFile, BuildOptions options)
    {
        var config = Gemma2Config.Load(configFile, hasHead: true);
        var tokenizer = Path.Combine(folder, "tokenizer.json");
        if (!File.Exists(tokenizer))
            throw new CheckpointException($"{tokenizer} is missing; a judge of prompts needs it. Fetch the repository again.");
        var weights = CheckpointFolder.OpenWeights(folder, "prompt judge's", options).WithPrefixRemoved("model.");
        ExpectedTensor[] tensors = [.. Gemma2Tensors.All(config)];
        weights.Require(tensors, options.IgnoreUnusedTensors);
        return new JudgeFiles
        {
            Folder = folder,
            Kind = "prompt",
            ModelType = "gemma2",
            Weights = weights,
            Fingerprint = CheckpointFingerprint.Compute("prompt_judge", [configFile, tokenizer], weights),
            InputMetadata =
            [
                ("vocab_size", MetadataText.Of(config.VocabSize)),
                ("max_position_embeddings", MetadataText.Of(config.MaxPositionEmbeddings)),
                ("final_logit_softcapping", MetadataText.Of(config.FinalLogitSoftcapping ?? 0)), // 0 for none
            ],
            Network = TowerSummary.From("gemma2", config.NumHiddenLayers, config.HiddenSize, tensors),
            Graphs = [new("model.onnx", () => SanaGraphs.TextEncoder(config, weights)), new("tokens.onnx", () => JudgeGraphs.Tokens(config, weights))],
        };
    }
}

[System.Text.Json.Serialization.JsonSerializable(typeof(IReadOnlyList<string>))]
internal sealed partial class LabelsJson : System.Text.Json.Serialization.JsonSerializerContext;
