using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder;

/// <summary>What is in a checkpoint.</summary>
/// <param name="Name">Of its folder.</param>
/// <param name="Pipeline">Class of the published pipeline: <c>SanaPipeline</c> or <c>SanaSprintPipeline</c>.</param>
/// <param name="Scheduler">Class of the published scheduler.</param>
/// <param name="FlowShift">How far its sigmas are shifted towards noise.</param>
/// <param name="NativePixels">Side of the images that it was made for.</param>
/// <param name="Fingerprint">SHA-256 over the configs and the headers, lengths and a sample of the weights, lower-case hex.</param>
/// <param name="Clamp">Whether the self-attention output is cut to ±65504.</param>
/// <param name="ClampReason">Why or why not.</param>
/// <param name="Networks">Text encoder, transformer, autoencoder.</param>
public sealed record CheckpointSummary(
    string Name,
    string Pipeline,
    string Scheduler,
    double FlowShift,
    int NativePixels,
    string Fingerprint,
    bool Clamp,
    string ClampReason,
    IReadOnlyList<NetworkSummary> Networks)
{
    private const int FloatBytes = sizeof(float);

    /// <value>What enhancing a prompt needs beside the text encoder's weights, in bytes, estimated: keys and values of the longest text, twice while a token is added, and a part of the head.</value>
    public StageMemory Enhancing { get; init; } = new("enhance_prompt", 0, 0);

    // The sizes that memory depends on.
    internal (long Embedding, long Compression, long Width, long Hidden, long DecoderChannels, long Decoder) Sizes { get; init; }

    // Of text encoder and transformer: numbers that W8A8 has in eight bits, and the bytes that these take with their scales.
    internal IReadOnlyList<(long Numbers, long Bytes)> EightBits { get; init; } = [];

    /// <summary>Memory that generating needs, in bytes, estimated: weights as they are loaded, and the largest activations of each stage, in float32.</summary>
    /// <param name="width">Pixels, 32…8192.</param>
    /// <param name="height">Pixels, 32…8192.</param>
    /// <param name="maxUntiledPixels">Larger images are decoded in tiles of 1,024 pixels.</param>
    /// <param name="precision">What text encoder and transformer compute in.</param>
    public IReadOnlyList<StageMemory> MemoryFor(int width, int height, int maxUntiledPixels, GraphPrecision precision = GraphPrecision.Float32)
    {
        long pixels = (long)width * height, tokens = pixels / (Sizes.Compression * Sizes.Compression);
        var decoded = pixels > maxUntiledPixels ? 1024L * 1024 : pixels;

        // A block needs most in Mix-FFN: up-projection, activation and depthwise output at once. The decoder needs most in its last stage: input, two convolutions, shortcut.
        var step = 2L * tokens * ((3 * Sizes.Hidden) + (4 * Sizes.Width)) * FloatBytes;
        var decode = (4 * Sizes.DecoderChannels * decoded * FloatBytes) + (3 * pixels * FloatBytes);
        return
        [
            // Rows of the embedding are read from the mapped file when they are needed.
            new StageMemory("text_encoder", Weights(0, Networks[0].Parameters - Sizes.Embedding), 0),
            new StageMemory("transformer", Weights(1, Networks[1].Parameters), step),
            new StageMemory("vae", Sizes.Decoder * FloatBytes, decode),
        ];

        long Weights(int network, long numbers) => precision switch
        {
            GraphPrecision.W8A8 => ((numbers - EightBits[network].Numbers) * FloatBytes) + EightBits[network].Bytes,
            GraphPrecision.Mixed => numbers * FloatBytes / 2,
            _ => numbers * FloatBytes,
        };
    }

    internal static CheckpointSummary From(SanaFiles files) => new(
        files.Name,
        files.Index.ClassName,
        files.Scheduler.ClassName,
        files.Scheduler.FlowShift,
        files.Transformer.SampleSize * files.Autoencoder.SpatialCompression,
        files.Fingerprint,
        files.Clamp.On,
        files.Clamp.Reason,
        [
            NetworkSummary.From("text_encoder", files.TextEncoderWeights),
            NetworkSummary.From("transformer", files.TransformerWeights),
            NetworkSummary.From("vae", files.AutoencoderWeights),
        ])
    {
        Enhancing = new StageMemory("enhance_prompt", 0, EnhancingBytes(files.TextEncoder)),
        Sizes = (
            (long)files.TextEncoder.VocabSize * files.TextEncoder.HiddenSize,
            files.Autoencoder.SpatialCompression,
            files.Transformer.Width,
            2L * files.Transformer.FeedForwardWidth,
            files.Autoencoder.LastWidth,
            AutoencoderDCTensors.Decoder(files.Autoencoder).Sum(tensor => tensor.Elements)),
        EightBits =
        [
            Sized(SanaGraphs.TextEncoder(files.TextEncoder, files.TextEncoderWeights, Arithmetic.W8A8)),
            Sized(SanaGraphs.Denoiser(files.Transformer, files.TransformerWeights, files.Clamp.On, Arithmetic.W8A8)),
        ],
    };

    // The published instruction has 208 tokens; 300 of a prompt are read, and as many written. Rows of the head come 16,384 at a time, as they are and transposed.
    private static long EnhancingBytes(Gemma2Config config) =>
        ((2L * 2 * config.NumHiddenLayers * config.KeyValueWidth * (208 + 300 + 300)) + (2L * Math.Min(16_384, config.VocabSize) * config.HiddenSize)) * FloatBytes;

    private static (long Numbers, long Bytes) Sized(Graph graph) => (graph.EightBits.Numbers, graph.EightBits.Length);
}

/// <summary>One network of a checkpoint.</summary>
/// <param name="Name">Its folder.</param>
/// <param name="Parameters">Numbers in its tensors.</param>
/// <param name="Bytes">Of its files.</param>
/// <param name="StoredAs">Element types, as in <c>F32</c> or <c>BF16</c>.</param>
/// <param name="Files">Names of its files.</param>
public sealed record NetworkSummary(string Name, long Parameters, long Bytes, string StoredAs, IReadOnlyList<string> Files)
{
    internal static NetworkSummary From(string name, SafetensorsWeights weights) => new(
        name,
        weights.Entries.Sum(e => e.Shape.Aggregate(1L, (product, d) => product * d)),
        weights.Files.Sum(f => f.Length),
        string.Join(", ", weights.Entries.Select(e => e.Type.ToString()).Distinct().Order(StringComparer.Ordinal)),
        [.. weights.Files.Select(f => Path.GetFileName(f.Path))]);
}

/// <summary>What one stage needs, in bytes.</summary>
/// <param name="Stage">Its network.</param>
/// <param name="Weights">Held while the checkpoint is loaded.</param>
/// <param name="Activations">Held while the stage runs.</param>
public sealed record StageMemory(string Stage, long Weights, long Activations);
