using System.Text.Json;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder;

/// <summary>
/// A checkpoint folder of a network that judges images: an image classifier in the layout of transformers (ViTForImageClassification, as
/// <c>Falconsai/nsfw_image_detection</c>), or the safety checker of Stable Diffusion (<c>CompVis/stable-diffusion-safety-checker</c>). Its config.json says which.
/// </summary>
public static class JudgeCheckpoint
{
    private const string Checker = "StableDiffusionSafetyChecker";

    /// <summary>Whether a folder's <c>config.json</c> says that it holds one; false where it is not there or cannot be read.</summary>
    public static bool IsIn(string checkpoint)
    {
        try
        {
            return Path.Combine(checkpoint, "config.json") is var file && File.Exists(file) && JsonConfig.Load(file) is var json && (json.Says("model_type", "vit") || IsChecker(json));
        }
        catch (CheckpointException)
        {
            return false; // whoever reads it next says what is wrong with it
        }
    }

    /// <summary>Writes <c>model.onnx</c> beside the weights, unless it is there and belongs to these files.</summary>
    /// <param name="checkpoint">The folder that holds <c>config.json</c>, <c>preprocessor_config.json</c> and <c>model.safetensors</c> or its shards.</param>
    /// <param name="options">How to build; without a variant, that of the last build. There is nothing to clamp, and precision is float32.</param>
    /// <exception cref="CheckpointException">The checkpoint is incomplete, damaged or of another kind, or no folder for its graphs can be written.</exception>
    public static BuildReport Build(string checkpoint, BuildOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var record = BuildRecord.Read(checkpoint);
        options = BuildRecord.Complete(options, record);
        var folder = CheckpointFolder.FullPath(checkpoint, holds: "config.json");
        var json = JsonConfig.Load(Path.Combine(folder, "config.json"));
        if (!IsChecker(json) && !json.Says("model_type", "vit"))
            throw json.Wrong("model_type", $"\"vit\" of an image classifier (ViTForImageClassification), or architectures must be [\"{Checker}\"]");
        return (IsChecker(json) ? SafetyChecker(folder, options) : Classifier(folder, options)).Write(record, options, Build);
    }

    private static bool IsChecker(JsonConfig json) => json.Lists("architectures", Checker);

    private static GraphSet Classifier(string folder, BuildOptions options)
    {
        var (configFile, imageFile) = Configs(folder);
        var config = VitClassifierConfig.Load(configFile);
        var image = VitImageConfig.Load(imageFile, config.Vit.ImageSize, "image_size");
        var weights = CheckpointFolder.OpenWeights(folder, "classifier's", options);
        weights.Require(config.Tensors(), options.IgnoreUnusedTensors);
        return Set(folder, "vit", "classifier", weights, () => JudgeGraphs.Classifier(config, weights), [("id2label", JsonSerializer.Serialize(config.Labels, LabelsJson.Default.IReadOnlyListString)), .. image.Metadata]);
    }

    private static GraphSet SafetyChecker(string folder, BuildOptions options)
    {
        var (configFile, imageFile) = Configs(folder);
        var config = ClipConfig.Load(configFile);
        var image = ClipImageConfig.Load(imageFile, config.ImageSize);
        var weights = CheckpointFolder.OpenWeights(folder, "safety checker's", options).WithPrefixRemoved(SafetyCheckerTensors.Prefix);
        weights.Require(SafetyCheckerTensors.All(config, Rows(JudgeGraphs.Concepts), Rows(JudgeGraphs.SpecialCare)), options.IgnoreUnusedTensors);
        return Set(folder, "safety_checker", "safety_checker", weights, () => JudgeGraphs.SafetyChecker(config, weights), image.Metadata);

        // The config does not say how many concepts there are.
        long Rows(string name) => weights[name] is { Shape: [>= 1 and <= SafetyCheckerTensors.MostConcepts, _] } entry
            ? entry.Shape[0]
            : throw new CheckpointException($"{weights[name].Place} has shape {Quoted.Shape(weights[name].Shape)}, but must be [1…{SafetyCheckerTensors.MostConcepts}, {config.ProjectionDim}]; fetch it again.");
    }

    private static (string Config, string Image) Configs(string folder) => (Path.Combine(folder, "config.json"), Path.Combine(folder, "preprocessor_config.json"));

    private static GraphSet Set(string folder, string type, string hashed, SafetensorsWeights weights, Func<Graph> graph, IEnumerable<(string, string)> metadata)
    {
        var (config, image) = Configs(folder);
        var fingerprint = CheckpointFingerprint.Compute(hashed, [config, image], weights);
        return new GraphSet
        {
            Folder = folder,
            Fingerprint = fingerprint,
            Weights = weights.Files,
            Metadata = [("checkpoint", CheckpointFolder.NameOf(folder)), ("fingerprint", fingerprint), ("model_type", type), .. metadata],
            Graphs = [new("model.onnx", graph)],
        };
    }
}

[System.Text.Json.Serialization.JsonSerializable(typeof(IReadOnlyList<string>))]
internal sealed partial class LabelsJson : System.Text.Json.Serialization.JsonSerializerContext;
