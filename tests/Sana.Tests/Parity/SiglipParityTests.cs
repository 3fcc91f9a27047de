using System.Numerics.Tensors;
using Microsoft.ML.OnnxRuntime;
using Sana.GraphBuilder.Configs;
using Sana.Inference.Clip;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Parity;

/// <summary>SigLIP 2 from files and texts to logits, and each stage on the reference's input.</summary>
[Trait("Category", "Parity")]
public sealed class SiglipParityTests : IDisposable
{
    // The resize is exact; this is for the float steps after it.
    private const double FloatSteps = 1e-6;

    private readonly BuiltSiglip _checkpoint = new();
    private readonly ClipScorer _scorer;

    public SiglipParityTests() => _scorer = _checkpoint.Scorer(new ClipScorerOptions { Threads = 1, BatchSize = 3 });

    public static TheoryData<int> Exact => [.. Enumerable.Range(0, SiglipReference.Images.Length).Where(image => !SiglipReference.IsJpeg(image))];

    public static TheoryData<int> Jpegs => [.. Enumerable.Range(0, SiglipReference.Images.Length).Where(SiglipReference.IsJpeg)];

    [Theory, MemberData(nameof(Exact))]
    public void Pixels_are_the_references(int image) => Close(FloatSteps, SiglipReference.Row("siglip.pixel_values", image), Pixels(image));

    // Decoders of JPEG round a sample differently by up to 2 levels; weights of a bilinear resize are positive and add up to 1; each of its two passes rounds
    // once more.
    [Theory, MemberData(nameof(Jpegs))]
    public void Pixels_of_a_jpeg_are_the_references_but_for_its_decoder(int image) =>
        Close(3 / 127.5, SiglipReference.Row("siglip.pixel_values", image), Pixels(image));

    [Fact]
    public void Ids_are_the_references()
    {
        var tokens = ScorerTokens.Siglip(_checkpoint.Folder, SiglipReference.Tensors.Shape("siglip.input_ids")[1]);

        for (var text = 0; text < SiglipReference.Texts.Length; text++)
        {
            var ids = ClipWindows.Split(SiglipReference.Texts[text], tokens).Windows[0];
            var padded = ids.Concat(Enumerable.Repeat(tokens.PadId, tokens.ContextLength - ids.Length));
            Assert.Equal(SiglipReference.Row("siglip.input_ids", text).Select(id => (int)id), padded);
        }
    }

    [Fact]
    public void Images_are_embedded()
    {
        var shape = SiglipReference.Tensors.Shape("siglip.pixel_values");
        using var pixels = OrtValue.CreateTensorValueFromMemory(SiglipReference.Tensors.Floats("siglip.pixel_values"), [.. shape.Select(size => (long)size)]);

        Within("siglip.image_embeds", Run("vision_model.onnx", "pixel_values", pixels, "image_embeds"));
    }

    [Fact]
    public void Texts_are_embedded()
    {
        var shape = SiglipReference.Tensors.Shape("siglip.input_ids");
        var numbers = Array.ConvertAll(SiglipReference.Tensors.Floats("siglip.input_ids"), id => (long)id);
        using var ids = OrtValue.CreateTensorValueFromMemory(numbers, [.. shape.Select(size => (long)size)]);

        Within("siglip.text_embeds", Run("text_model.onnx", "input_ids", ids, "text_embeds"));
    }

    [Theory, MemberData(nameof(Exact))]
    public void From_a_file_and_texts_to_logits(int image)
    {
        var embedding = _scorer.EmbedImages([SiglipReference.Decode(image)])[0];
        var scores = _scorer.ScoreTexts(embedding, SiglipReference.Texts);

        Close(SiglipReference.Tolerance * Most("siglip.image_embeds"), SiglipReference.Row("siglip.image_embeds", image), embedding);
        float[] logits = [.. scores.Select(score => (float)_scorer.Sigmoid!.Logit(score.Score))];
        Close(SiglipReference.Tolerance * Most("siglip.logits_per_image"), SiglipReference.Row("siglip.logits_per_image", image), logits);
    }

    // What a decoder that is off by 2 levels at random does to the logits of these weights, and not more than twice that.
    [Theory, MemberData(nameof(Jpegs))]
    public void Logits_of_a_jpeg_are_the_references_but_for_its_decoder(int image)
    {
        var decoded = SiglipReference.Decode(image);
        var logits = Logits(decoded);
        var moved = 0.0;
        for (var seed = 0; seed < 4; seed++)
        {
            var random = new Random(seed);
            var noisy = Logits(decoded with { Pixels = Array.ConvertAll(decoded.Pixels, level => (byte)Math.Clamp(level + random.Next(-2, 3), 0, 255)) });
            moved = Math.Max(moved, noisy.Zip(logits, (a, b) => Math.Abs(a - b)).Max());
        }

        Close(2 * moved, SiglipReference.Row("siglip.logits_per_image", image), [.. logits.Select(logit => (float)logit)]);

        double[] Logits(Sana.Inference.Imaging.RgbImage pixels) =>
            [.. _scorer.ScoreTexts(_scorer.EmbedImages([pixels])[0], SiglipReference.Texts).Select(score => _scorer.Sigmoid!.Logit(score.Score))];
    }

    public void Dispose()
    {
        _scorer.Dispose();
        _checkpoint.Dispose();
    }

    private float[] Pixels(int image)
    {
        var config = SiglipConfig.Load(_checkpoint.PathOf("config.json"));
        var preprocessor = VitImageConfig.LoadSiglip(_checkpoint.PathOf("preprocessor_config.json"), config.ImageSize);
        var filter = preprocessor.Resample == "bilinear" ? Sana.Inference.Imaging.PilFilter.Bilinear : Sana.Inference.Imaging.PilFilter.Bicubic;
        var levels = new Sana.Inference.Imaging.PixelLevels(preprocessor.RescaleFactor, preprocessor.ImageMean, preprocessor.ImageStd);
        var preprocess = ClipPreprocess.Stretched(config.ImageSize, filter, levels);
        var planes = new float[preprocess.Length];
        preprocess.Write(SiglipReference.Decode(image), planes);
        return planes;
    }

    // The reference's vectors are of length 1, the network's are not.
    private float[] Run(string graph, string input, OrtValue value, string output)
    {
        using var network = OnnxModel.Load(_checkpoint.PathOf(graph), new OnnxModelOptions(Device.Cpu, 1, KeepMemory: false));
        using var outputs = network.Run([(input, value)], [output], default);
        var all = outputs[0].GetTensorDataAsSpan<float>().ToArray();
        var width = SiglipReference.Tensors.Shape("siglip.image_embeds")[1];
        return [.. all.Chunk(width).SelectMany(row => { var norm = TensorPrimitives.Norm<float>(row); return row.Select(x => x / norm); })];
    }

    private static double Most(string tensor) => SiglipReference.Tensors.Floats(tensor).Max(Math.Abs);

    private static void Within(string tensor, float[] actual) =>
        Close(SiglipReference.Tolerance * Most(tensor), SiglipReference.Tensors.Floats(tensor), actual);

    private static void Close(double tolerance, float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            var difference = Math.Abs((double)expected[i] - actual[i]);
            Assert.True(difference <= tolerance, $"Element {i}: expected {expected[i]:R}, got {actual[i]:R}, allowed {tolerance:E1}.");
        }
    }
}
