using Sana.GraphBuilder.Checkpoint;
using Sana.GraphBuilder.Configs;

namespace Sana.GraphBuilder;

/// <summary>An image captioner's checkpoint folder in the layout of transformers' VisionEncoderDecoderModel, ViT with GPT-2 (<c>nlpconnect/vit-gpt2-image-captioning</c>), and its graphs.</summary>
public static class CaptionerCheckpoint
{
    /// <summary>Writes <c>encoder_model.onnx</c> and <c>decoder_model.onnx</c> beside the weights, unless they are there and belong to these files.</summary>
    /// <param name="checkpoint">The folder that holds <c>config.json</c>, <c>preprocessor_config.json</c> and <c>model.safetensors</c> or its shards.</param>
    /// <param name="options">How; a variant that a former build was asked for is kept where this leaves it open. There is nothing to clamp, and precision is float32.</param>
    /// <exception cref="CheckpointException">The checkpoint is incomplete, damaged or of another kind, or its folder cannot be written.</exception>
    public static BuildReport Build(string checkpoint, BuildOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var record = BuildRecord.Read(checkpoint);
        options = record is null || options.Force ? options : options with { Variant = options.Variant ?? record.Variant };
        var files = CaptionerFiles.Open(checkpoint, options);
        return new GraphSet
        {
            Folder = files.Folder,
            Fingerprint = files.Fingerprint,
            Weights = files.Weights.Files,
            Facts = files.Facts,
            Graphs =
            [
                ("encoder_model.onnx", () => CaptionerGraphs.Encoder(files.Config, files.Tables, files.Weights)),
                ("decoder_model.onnx", () => CaptionerGraphs.Decoder(files.Config, files.Tables, files.Weights)),
            ],
        }.Write(record, options);
    }

    /// <summary>What is in a checkpoint and what it will need.</summary>
    /// <exception cref="CheckpointException">The checkpoint is incomplete, damaged or of another kind.</exception>
    public static CaptionerSummary Describe(string checkpoint, BuildOptions? options = null) =>
        CaptionerSummary.Of(CaptionerFiles.Open(checkpoint, options ?? new BuildOptions()));

    /// <summary>Whether a folder holds a captioner's checkpoint: its <c>config.json</c> says so.</summary>
    public static bool IsIn(string checkpoint)
    {
        var config = Path.Combine(checkpoint, "config.json");
        try
        {
            return File.Exists(config) && JsonConfig.Load(config).Says("model_type", CaptionerConfig.ModelType);
        }
        catch (CheckpointException)
        {
            return false; // whoever reads it next says what is wrong with it
        }
    }
}
