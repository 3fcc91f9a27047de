using Sana.GraphBuilder.Checkpoint;

namespace Sana.GraphBuilder;

/// <summary>A CLIP checkpoint folder in the layout of transformers (<c>openai/clip-vit-large-patch14</c>, laion's), and its graphs.</summary>
public static class ClipCheckpoint
{
    /// <summary>Writes <c>vision_model.onnx</c> and <c>text_model.onnx</c> beside the weights, unless they are there and belong to these files.</summary>
    /// <param name="checkpoint">The folder that holds <c>config.json</c>, <c>preprocessor_config.json</c> and <c>model.safetensors</c> or its shards.</param>
    /// <param name="options">How; a variant that a former build was asked for is kept where this leaves it open. There is nothing to clamp, and precision is float32.</param>
    /// <exception cref="CheckpointException">The checkpoint is incomplete, damaged or of another kind, or its folder cannot be written.</exception>
    public static BuildReport Build(string checkpoint, BuildOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var record = BuildRecord.Read(checkpoint);
        options = record is null || options.Force ? options : options with { Variant = options.Variant ?? record.Variant };
        var files = ClipFiles.Open(checkpoint, options);
        return new GraphSet
        {
            Folder = files.Folder,
            Fingerprint = files.Fingerprint,
            Weights = files.Weights.Files,
            Facts = files.Facts,
            Graphs =
            [
                ("vision_model.onnx", () => SanaGraphs.ClipVision(files.Config, files.Weights)),
                ("text_model.onnx", () => SanaGraphs.ClipText(files.Config, files.Weights)),
            ],
        }.Write(record, options);
    }

    /// <summary>What is in a checkpoint and what it will need.</summary>
    /// <exception cref="CheckpointException">The checkpoint is incomplete, damaged or of another kind.</exception>
    public static ClipSummary Describe(string checkpoint, BuildOptions? options = null) => ClipSummary.Of(ClipFiles.Open(checkpoint, options ?? new BuildOptions()));

    /// <summary>Whether a folder holds a CLIP checkpoint: a <c>config.json</c> and, other than a pipeline, no <c>model_index.json</c>.</summary>
    public static bool IsIn(string checkpoint) => File.Exists(Path.Combine(checkpoint, "config.json")) && !File.Exists(Path.Combine(checkpoint, "model_index.json"));
}
