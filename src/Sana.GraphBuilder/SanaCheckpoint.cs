using System.Globalization;
using Sana.GraphBuilder.Checkpoint;
using Sana.GraphBuilder.Onnx;

namespace Sana.GraphBuilder;

/// <summary>A Sana checkpoint folder in the layout of the published <c>*_diffusers</c> repositories, and its graphs.</summary>
public static class SanaCheckpoint
{
    /// <summary>Writes the graphs of a checkpoint beside its weights, unless they are there and belong to these files.</summary>
    /// <param name="checkpoint">The folder that holds <c>model_index.json</c>.</param>
    /// <param name="options">How; what a former build was asked for is kept where this leaves it open.</param>
    /// <exception cref="CheckpointException">The checkpoint is incomplete, damaged or of another kind, or its folder cannot be written.</exception>
    public static BuildReport Build(string checkpoint, BuildOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var record = BuildRecord.Read(checkpoint);
        options = record is null || options.Force ? options : record.Complete(options);
        var files = CheckpointFiles.Open(checkpoint, options);
        return new GraphSet
        {
            Folder = files.Folder,
            Fingerprint = files.Fingerprint,
            Weights = [.. files.TextEncoderWeights.Files, .. files.TransformerWeights.Files, .. files.AutoencoderWeights.Files],
            Facts = Facts(files),
            Graphs = [.. Graphs(files, options.Precision)],
        }.Write(record, options);
    }

    /// <summary>What is in a checkpoint and what it will need.</summary>
    /// <exception cref="CheckpointException">The checkpoint is incomplete, damaged or of another kind.</exception>
    public static CheckpointSummary Describe(string checkpoint, BuildOptions? options = null) =>
        CheckpointSummary.Of(CheckpointFiles.Open(checkpoint, options ?? new BuildOptions()));

    // File and construction of every graph; half-precision graphs stand beside the float32 ones, which remain the fall-back.
    private static IEnumerable<(string File, Func<Graph> Build)> Graphs(CheckpointFiles files, GraphPrecision precision)
    {
        var clamp = files.Clamp.On;
        yield return ("text_encoder/model.onnx", () => SanaGraphs.TextEncoder(files.TextEncoder, files.TextEncoderWeights));
        foreach (var (suffix, compute) in Precisions(precision))
        {
            yield return ($"transformer/conditioning{suffix}.onnx", () => SanaGraphs.Conditioning(files.Transformer, files.TransformerWeights, compute));
            yield return ($"transformer/model{suffix}.onnx", () => SanaGraphs.Denoiser(files.Transformer, files.TransformerWeights, clamp, compute));
        }

        yield return ("vae/encoder.onnx", () => SanaGraphs.Encoder(files.Autoencoder, files.AutoencoderWeights));
        yield return ("vae/decoder.onnx", () => SanaGraphs.Decoder(files.Autoencoder, files.AutoencoderWeights));
    }

    private static IEnumerable<(string Suffix, ElementType Compute)> Precisions(GraphPrecision precision) => precision switch
    {
        GraphPrecision.Fp16 => [("", ElementType.Float), (".fp16", ElementType.Float16)],
        GraphPrecision.Bf16 => [("", ElementType.Float), (".bf16", ElementType.BFloat16)],
        _ => [("", ElementType.Float)],
    };

    /// <summary>Writes into a graph what running the checkpoint needs to know, so that nobody reads configs again.</summary>
    internal static Graph WithFacts(CheckpointFiles files, Graph graph)
    {
        foreach (var (key, value) in Facts(files))
        {
            graph.Metadata(key, value);
        }

        return graph;
    }

    private static (string Key, string Value)[] Facts(CheckpointFiles files) =>
    [
        ("checkpoint", files.Name),
        ("fingerprint", files.Fingerprint),
        ("scheduler", files.Scheduler.ClassName),
        ("flow_shift", Invariant(files.Scheduler.FlowShift)),
        ("sigma_data", Invariant(files.Scheduler.SigmaData)),
        ("sample_size", Invariant(files.Transformer.SampleSize)),
        ("guidance_embeds_scale", Invariant(files.Transformer.GuidanceEmbedsScale)),
        ("vocab_size", Invariant(files.TextEncoder.VocabSize)),
        ("spatial_compression", Invariant(files.Autoencoder.SpatialCompression)),
        ("scaling_factor", Invariant(files.Autoencoder.ScalingFactor)),
    ];

    private static string Invariant(IFormattable number) => number.ToString(null, CultureInfo.InvariantCulture);
}
