using Sana.GraphBuilder;
using Sana.Inference;
using Sana.Inference.Captioning;
using Sana.Inference.Clip;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Checkpoint;

/// <summary>Graphs of captioners and scorers in eight bits: where they stand, what they are called by, and what is refused.</summary>
public sealed class EightBitBuildTests : IDisposable
{
    private static readonly BuildOptions _eightBits = new() { Precision = GraphPrecision.W8A8 };

    private readonly BuiltClip _clip = new();
    private readonly BuiltFlorence _florence = new();
    private readonly TinyCaptioner _tiny = new();

    public void Dispose()
    {
        _clip.Dispose();
        _florence.Dispose();
        _tiny.Dispose();
    }

    [Fact]
    public void They_stand_beside_those_of_float32_and_have_a_fingerprint_of_their_own()
    {
        var (float32, eightBits) = (_clip.Build(), _clip.Build(_eightBits));

        Assert.Equal(["vision_model.onnx", "text_model.onnx"], float32.Graphs.Select(graph => graph.File));
        Assert.Equal(
            ["vision_model.onnx", "text_model.onnx", "vision_model.w8a8.onnx.data", "vision_model.w8a8.onnx", "text_model.w8a8.onnx.data", "text_model.w8a8.onnx"], eightBits.Graphs.Select(graph => graph.File));
        Assert.Equal((float32.Fingerprint, float32.Fingerprint), (eightBits.Fingerprint, float32.Metadata["fingerprint"]));
        Assert.NotEqual(float32.Metadata["fingerprint"], eightBits.Metadata["fingerprint"]);
        Assert.False(_clip.Build().Written || _clip.Build(_eightBits).Written);
        using var exact = _clip.Scorer();
        using var scorer = ClipScorer.Load(_clip.Folder, new ClipScorerOptions { Threads = 1, Precision = Precision.W8A8 });
        Assert.Equal((exact.Name, float32.Metadata["fingerprint"], eightBits.Metadata["fingerprint"]), (scorer.Name, exact.Fingerprint, scorer.Fingerprint));
        Assert.Equal((Precision.Float32, Precision.W8A8), (exact.Precision, scorer.Precision));
    }

    [Fact]
    public void The_weights_are_the_same_bytes_again_and_are_written_again_when_they_were_cut()
    {
        CaptionerCheckpoint.Build(_tiny.Folder, _eightBits);
        _florence.Build(_eightBits);
        foreach (var (folder, build) in new (string, Func<BuildReport>)[] { (_tiny.Folder, () => CaptionerCheckpoint.Build(_tiny.Folder, _eightBits)), (_florence.Folder, () => _florence.Build(_eightBits)) })
        {
            foreach (var data in new[] { "encoder_model.w8a8.onnx.data", "decoder_model.w8a8.onnx.data" }.Select(file => Path.Combine(folder, file)))
            {
                var bytes = File.ReadAllBytes(data);
                File.WriteAllBytes(data, bytes[..^1]);

                Assert.True(build().Written);

                Assert.Equal(bytes, File.ReadAllBytes(data));
            }

            Assert.Empty(Directory.EnumerateFiles(folder, "*.tmp", SearchOption.AllDirectories));
        }
    }

    // GPT-2 stores its matrices the other way round: each column has a scale of its own, and a channel that is all zeros gives zeros.
    [Fact]
    public void Each_output_channel_has_its_own_scale()
    {
        const string matrix = "decoder.transformer.h.0.mlp.c_fc.weight"; // [8, 32]
        _tiny.Rewrite(name => name, (name, weights) =>
        {
            for (var i = 0; i < weights.Length && name == matrix; i++)
                weights[i] = (i % 32) switch { 0 => 0, 1 => 1000 * (i / 32), 2 => 1e-6f * ((i / 32) - 4), _ => weights[i] };
        });
        CaptionerCheckpoint.Build(_tiny.Folder, _eightBits);
        using var exact = CaptionNetwork.Load(_tiny.Folder, new CaptionNetworkOptions { Threads = 1 });
        using var eightBits = CaptionNetwork.Load(_tiny.Folder, new CaptionNetworkOptions { Threads = 1, Precision = Precision.W8A8 });

        var (expected, actual) = (exact.LogitsAfter(TinyCaptioner.Image(1), [3, 4]).Data, eightBits.LogitsAfter(TinyCaptioner.Image(1), [3, 4]).Data);

        // With one scale for the matrix every channel but the large one would be zero.
        Assert.InRange(System.Numerics.Tensors.TensorPrimitives.CosineSimilarity<float>(expected, actual), 0.999, 1.00001);
    }

    [Theory]
    [InlineData("decoder.transformer.h.1.mlp.c_proj.weight")]
    [InlineData("encoder.encoder.layer.0.output.dense.weight")]
    public void Weights_that_are_no_numbers_are_refused_by_name(string matrix)
    {
        _tiny.Rewrite(name => name, (name, weights) =>
        {
            if (name == matrix) weights[5] = float.NaN;
        });

        var refusal = Assert.Throws<CheckpointException>(() => CaptionerCheckpoint.Build(_tiny.Folder, _eightBits));

        Assert.Contains(matrix, refusal.Message, StringComparison.Ordinal);
        Assert.Contains("use precision float32", refusal.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(_tiny.Folder, "*.tmp", SearchOption.AllDirectories));
    }

    [Fact]
    public void Half_precision_is_refused_in_a_sentence()
    {
        var mixed = new BuildOptions { Precision = GraphPrecision.Mixed };

        Assert.EndsWith("is a CLIP checkpoint, which has no graphs in precision mixed; use float32 or w8a8.", Assert.Throws<CheckpointException>(() => _clip.Build(mixed)).Message, StringComparison.Ordinal);
        Assert.EndsWith("which has no graphs in precision mixed; use float32 or w8a8.", Assert.Throws<CheckpointException>(() => _florence.Build(mixed)).Message, StringComparison.Ordinal);
        using var judge = new BuiltJudge("classifier");
        Assert.Contains("leave the precision away", Assert.Throws<CheckpointException>(() => JudgeCheckpoint.Build(judge.Folder, _eightBits)).Message, StringComparison.Ordinal);
        Assert.Equal("Captioners and scorers have no graphs in precision mixed; use float32 or w8a8.",
            Assert.Throws<InferenceException>(() => ClipScorer.Load(_clip.Folder, new ClipScorerOptions { Precision = Precision.Mixed })).Message);
        Assert.Contains("runs on the processor only",
            Assert.Throws<InferenceException>(() => CaptionNetwork.Load(_tiny.Folder, new CaptionNetworkOptions { Device = Device.Parse("cuda"), Precision = Precision.W8A8 })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Graphs_that_are_not_there_are_named_with_the_fix()
    {
        _clip.Build();

        var refusal = Assert.Throws<InferenceException>(() => ClipScorer.Load(_clip.Folder, new ClipScorerOptions { Precision = Precision.W8A8 }));

        Assert.Contains("vision_model.w8a8.onnx is missing; run `sana build`", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_caption_is_the_same_at_any_size_of_the_batch()
    {
        CaptionerCheckpoint.Build(_tiny.Folder, _eightBits);
        var images = Enumerable.Range(0, 6).Select(seed => TinyCaptioner.Image(seed)).ToArray();
        string[][] all = [.. new[] { 1, 4, 6 }.Select(batch =>
        {
            using var network = CaptionNetwork.Load(_tiny.Folder, new CaptionNetworkOptions { Threads = 1, BatchSize = batch, Precision = Precision.W8A8 });
            return network.Generate(images, new GenerationOptions()).Select(caption => caption.Text).ToArray();
        })];

        Assert.Equal(all[0], all[1]);
        Assert.Equal(all[0], all[2]);
    }
}
