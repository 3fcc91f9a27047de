using Microsoft.ML.OnnxRuntime;
using Sana.Inference.Clip;
using Sana.Inference.Judging;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Parity;

/// <summary>The judges of images from files to scores, and each network on the reference's input.</summary>
[Trait("Category", "Parity")]
public sealed class JudgeParityTests : IDisposable
{
    // The resize is exact; this is for the float steps after it.
    private const double FloatSteps = 1e-6;

    private readonly BuiltJudge _classifier = BuiltJudge.Classifier();
    private readonly BuiltJudge _checker = BuiltJudge.SafetyChecker();
    private readonly BuiltClip _clip = new();

    public static TheoryData<string> Forms => ["linear", "relu", "single"];

    public static TheoryData<string> Images => [.. JudgeReference.Images];

    public void Dispose()
    {
        _classifier.Dispose();
        _checker.Dispose();
        _clip.Dispose();
    }

    [Theory, MemberData(nameof(Images))]
    public void A_classifiers_network_gives_the_references_logits(string image)
    {
        _classifier.Build();
        using var outputs = Run(_classifier, $"classifier.{image}.pixel_values", "logits");

        Close(JudgeReference.Tensors.Floats($"classifier.{image}.logits"), outputs[0].GetTensorDataAsSpan<float>().ToArray());
    }

    [Fact]
    public void Pixels_are_the_references()
    {
        _classifier.Build();
        _checker.Build();
        foreach (var image in JudgeReference.Pngs)
        {
            Close(JudgeReference.Tensors.Floats($"classifier.{image}.pixel_values"), Pixels(_classifier, image), FloatSteps);
            Close(Row("safety.pixel_values", image), Pixels(_checker, image), FloatSteps);
        }
    }

    [Fact]
    public void Probabilities_are_the_references_from_a_file()
    {
        for (var label = 0; label < JudgeReference.Labels.Length; label++)
        {
            using var judge = _classifier.Load(JudgeReference.Labels[label]);
            foreach (var image in JudgeReference.Pngs)
                Assert.Equal(JudgeReference.Probabilities(image)[label], Score(judge, image), JudgeReference.Tolerance);
            foreach (var image in JudgeReference.Jpegs)
                Assert.Equal(JudgeReference.Probabilities(image)[label], Score(judge, image), Moved(judge, image));
        }
    }

    [Fact]
    public void The_safety_checkers_network_gives_the_references_vectors_and_cosines()
    {
        _checker.Build();
        using var outputs = Run(_checker, "safety.pixel_values", "image_embeds", "concept_embeds_cosines", "special_care_embeds_cosines");

        Close(JudgeReference.Tensors.Floats("safety.image_embeds"), outputs[0].GetTensorDataAsSpan<float>().ToArray());
        Close(JudgeReference.Tensors.Floats("safety.concept_cosines"), outputs[1].GetTensorDataAsSpan<float>().ToArray());
        Close(JudgeReference.Tensors.Floats("safety.special_cosines"), outputs[2].GetTensorDataAsSpan<float>().ToArray());
    }

    /// <summary>The reference's own numbers are to four places and without what special concepts add; a score is to three.</summary>
    [Fact]
    public void What_the_reference_calls_unsafe_is_above_0()
    {
        using var judge = _checker.LoadChecker();
        var scores = judge.Score(new JudgedImages([.. JudgeReference.Images.Select(Picture.Decode)]));

        var expected = JudgeReference.Json.GetProperty("safety");
        Assert.Equal(expected.GetProperty("unsafe").EnumerateArray().Select(flag => flag.GetBoolean()), scores.Select(score => score > 0));
        foreach (var image in JudgeReference.Pngs)
        {
            var place = Array.IndexOf(JudgeReference.Images, image);
            var nearest = expected.GetProperty("nearest")[place].GetDouble();
            var added = scores[place] - nearest > 0.005 ? 0.01 : 0;
            Assert.Equal(nearest + added, scores[place], 0.0005 + 1e-6);
        }
    }

    [Theory, MemberData(nameof(Forms))]
    public void An_aesthetic_head_gives_the_references_scores_of_the_references_vectors(string form)
    {
        var head = new AestheticHead(JudgeReference.Layers(form));
        var expected = JudgeReference.Tensors.Floats($"aesthetic.{form}.scores");
        var known = ClipReference.Images.Select(image => image.GetProperty("file").GetString()!).ToArray();

        // Of a photograph that is turned upright, the vectors of the other fixture are those before.
        foreach (var image in JudgeReference.Images.Where(image => !image.Contains("exif", StringComparison.Ordinal)))
        {
            var vector = ClipReference.Row("image_embeds.normalized", Array.IndexOf(known, image));
            Assert.Equal(expected[Array.IndexOf(JudgeReference.Images, image)], head.Score(vector), 1e-6 * expected.Max());
        }
    }

    [Theory, MemberData(nameof(Forms))]
    public void Aesthetic_scores_are_the_references_from_a_file(string form)
    {
        using var clip = _clip.Scorer(new ClipScorerOptions { Threads = 1, BatchSize = 3 });
        using var judge = new AestheticJudge("head", "0", JudgeReference.Layers(form), clip);
        var expected = JudgeReference.Tensors.Floats($"aesthetic.{form}.scores");

        foreach (var image in JudgeReference.Pngs)
            Assert.Equal(expected[Array.IndexOf(JudgeReference.Images, image)], Score(judge, image), JudgeReference.Tolerance * expected.Max());
        foreach (var image in JudgeReference.Jpegs)
            Assert.Equal(expected[Array.IndexOf(JudgeReference.Images, image)], Score(judge, image), Moved(judge, image));
    }

    private static double Score(IJudge judge, string image) => judge.Score(new JudgedImages([Picture.Decode(image)]))[0];

    // Decoders of JPEG differ by up to 2 levels in a sample: twice what that, at random, does to the score of these weights.
    private static double Moved(IJudge judge, string image)
    {
        var decoded = Picture.Decode(image);
        var noisy = Enumerable.Range(0, 4).Select(seed => new Random(seed)).Select(random =>
            decoded with { Pixels = Array.ConvertAll(decoded.Pixels, level => (byte)Math.Clamp(level + random.Next(-2, 3), 0, 255)) });
        var scores = judge.Score(new JudgedImages([decoded, .. noisy]));
        return 2 * scores.Max(score => Math.Abs(score - scores[0]));
    }

    private static IDisposableReadOnlyCollection<OrtValue> Run(BuiltJudge judge, string tensor, params string[] outputs)
    {
        using var pixels = OrtValue.CreateTensorValueFromMemory(JudgeReference.Tensors.Floats(tensor), [.. JudgeReference.Tensors.Shape(tensor).Select(size => (long)size)]);
        using var network = Network(judge);
        return network.Run([("pixel_values", pixels)], outputs, default);
    }

    private static float[] Pixels(BuiltJudge judge, string image)
    {
        using var network = Network(judge);
        var preprocess = ClipPreprocess.From(network.Metadata);
        var planes = new float[preprocess.Length];
        preprocess.Write(Picture.Decode(image), planes);
        return planes;
    }

    private static OnnxModel Network(BuiltJudge judge) => OnnxModel.Load(judge.PathOf("model.onnx"), new OnnxModelOptions(Device.Cpu, 1, KeepMemory: false));

    private static float[] Row(string tensor, string image)
    {
        var all = JudgeReference.Tensors.Floats(tensor);
        var length = all.Length / JudgeReference.Images.Length;
        return all.AsSpan(Array.IndexOf(JudgeReference.Images, image) * length, length).ToArray();
    }

    private static void Close(float[] expected, float[] actual, double? tolerance = null)
    {
        Assert.Equal(expected.Length, actual.Length);
        var allowed = tolerance ?? (JudgeReference.Tolerance * expected.Max(Math.Abs));
        for (var i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs((double)expected[i] - actual[i]) <= allowed, $"Element {i}: expected {expected[i]:R}, got {actual[i]:R}, allowed {allowed:E1}.");
    }
}
