using Google.Protobuf;
using Sana.GraphBuilder.Onnx;
using Sana.Inference;
using Sana.Inference.Imaging;
using Sana.Inference.Judging;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Judging;

/// <summary>Somebody's own graph, described in a few lines.</summary>
public sealed class OnnxJudgeTests : IDisposable
{
    private const int Side = 4;

    // One colour, so that every way of resizing gives it again.
    private static readonly RgbImage _orange = new(7, 5, [.. Enumerable.Repeat(new byte[] { 200, 100, 50 }, 35).SelectMany(pixel => pixel)]);
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>A graph that gives the mean of each channel.</summary>
    [Theory]
    [InlineData(false, false, 0, 200), InlineData(false, false, 2, 50)]
    [InlineData(false, true, 0, 50), InlineData(false, true, 2, 200)]
    [InlineData(true, false, 0, 200), InlineData(true, false, 1, 100), InlineData(true, false, 2, 50)]
    [InlineData(true, true, 0, 50)]
    public void Channels_come_in_the_order_and_the_layout_that_are_named(bool isNhwc, bool isBgr, int index, int level)
    {
        using var judge = OnnxJudge.Load(Means(isNhwc), new OnnxJudgeOptions { Size = Side, IsNhwc = isNhwc, IsBgr = isBgr, Index = index });

        Assert.Equal([level / 255.0, level / 255.0], judge.Score(new JudgedImages([_orange, _orange])), (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Equal(("means", $"number {index} of means"), (judge.Name, judge.Scale.Unit));
    }

    [Fact]
    public void Mean_deviation_and_scale_are_of_red_green_and_blue_in_any_order()
    {
        using var judge = OnnxJudge.Load(Means(isNhwc: false), new OnnxJudgeOptions { Size = Side, IsBgr = true, Rescale = 1, Mean = [1, 2, 3], Std = [2, 4, 8], Index = 2 });

        Assert.Equal((200 - 1) / 2.0, judge.Score(new JudgedImages([_orange]))[0], 1e-4);
    }

    [Theory]
    [InlineData(JudgeActivation.Sigmoid), InlineData(JudgeActivation.Softmax)]
    public void An_activation_makes_a_share_of_it(JudgeActivation activation)
    {
        using var judge = OnnxJudge.Load(Means(isNhwc: false), new OnnxJudgeOptions { Size = Side, Activation = activation });

        double[] x = [200 / 255.0, 100 / 255.0, 50 / 255.0];
        var expected = activation == JudgeActivation.Sigmoid ? 1 / (1 + Math.Exp(-x[0])) : Math.Exp(x[0]) / x.Sum(Math.Exp);
        Assert.Equal(expected, judge.Score(new JudgedImages([_orange]))[0], 1e-6);
        Assert.Equal((0d, 1d), (judge.Scale.Least, judge.Scale.Most));
    }

    [Fact]
    public void A_graph_for_so_many_images_gets_that_many()
    {
        using var judge = OnnxJudge.Load(Means(isNhwc: false, batch: 2), new OnnxJudgeOptions { Size = Side });

        Assert.Equal(3, judge.Score(new JudgedImages([_orange, _orange, _orange])).Length);
    }

    [Fact]
    public void Another_description_is_another_judge()
    {
        var (plain, file) = (new OnnxJudgeOptions { Size = Side }, Means(isNhwc: false));
        OnnxJudgeOptions[] others =
        [
            plain, plain with { IsBgr = true }, plain with { IsBicubic = true }, plain with { Rescale = 1 }, plain with { Mean = [0, 0, 1] }, plain with { Std = [1, 1, 2] },
            plain with { Index = 1 }, plain with { Activation = JudgeActivation.Sigmoid }, plain with { Output = "means" },
        ];

        var fingerprints = others.Select(options =>
        {
            using var judge = OnnxJudge.Load(file, options);
            return judge.Fingerprint;
        });

        Assert.Equal(others.Length, fingerprints.Distinct().Count());
    }

    /// <summary>The classifier's own graph, described by hand.</summary>
    [Fact]
    public void A_described_classifier_is_the_classifier()
    {
        using var checkpoint = BuiltJudge.Classifier();
        using var known = checkpoint.Load(JudgeReference.Labels[1]);
        var image = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(checkpoint.PathOf("preprocessor_config.json")))!;
        using var judge = OnnxJudge.Load(checkpoint.PathOf("model.onnx"), new OnnxJudgeOptions
        {
            Size = (int)image["size"]!["height"]!,
            Mean = [.. image["image_mean"]!.AsArray().Select(number => (double)number!)],
            Std = [.. image["image_std"]!.AsArray().Select(number => (double)number!)],
            Rescale = (double)image["rescale_factor"]!,
            Index = 1,
            Activation = JudgeActivation.Softmax,
            Network = new JudgeOptions { Threads = 1 },
        });
        var images = new JudgedImages([.. JudgeReference.Images.Select(Picture.Decode)]);

        Assert.Equal(known.Score(images), judge.Score(images), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void What_does_not_fit_the_description_is_refused_when_it_is_loaded()
    {
        var means = Means(isNhwc: false);

        Refused(means, new OnnxJudgeOptions { Size = 8 }, "reads images of the shape [any, 3, 4, 4], and is described as [any, 3, 8, 8]");
        Refused(means, new OnnxJudgeOptions { Size = Side, IsNhwc = true }, "described as [any, 4, 4, 3]");
        Refused(means, new OnnxJudgeOptions { Size = Side, Index = 3 }, "has 3 numbers for one image; number 3 of each, counted from 0");
        Refused(means, new OnnxJudgeOptions { Size = Side, Output = "logits" }, "has no output 'logits'; its outputs are means");
        Refused(means, new OnnxJudgeOptions { Size = 0 }, "An image of 0 pixels");
        Refused(means, new OnnxJudgeOptions { Size = Side, Std = [0, 1, 1] }, "std 1e-6…1000");
        Refused(_folder.File("none.onnx"), new OnnxJudgeOptions { Size = Side }, "none.onnx is no file");
        File.WriteAllBytes(_folder.File("bad.onnx"), [8, 200, 255, 255, 1, 2, 3]);
        Refused(_folder.File("bad.onnx"), new OnnxJudgeOptions { Size = Side }, "bad.onnx cannot be run as described");
        using var clip = new BuiltClip();
        clip.Build();
        Refused(clip.PathOf("text_model.onnx"), new OnnxJudgeOptions { Size = Side }, "reads images of the shape");
    }

    private string Means(bool isNhwc, Dim? batch = null)
    {
        File.WriteAllBytes(_folder.File("empty.safetensors"), SafetensorsBytes.Of(("x", [1])));
        var g = new Graph("means", Sana.GraphBuilder.Safetensors.SafetensorsWeights.OpenFile(_folder.File("empty.safetensors")));
        var images = isNhwc
            ? g.Input("image", ElementType.Float, batch ?? Dim.Symbolic("batch"), Side, Side, 3)
            : g.Input("image", ElementType.Float, batch ?? Dim.Symbolic("batch"), 3, Side, Side);
        var means = g.Mean(g.Mean(images, isNhwc ? 1 : 2), isNhwc ? 2 : 3);
        g.Output("means", g.Reshape(means, images[0], 3));
        File.WriteAllBytes(_folder.File("means.onnx"), g.ToModel().ToByteArray());
        return _folder.File("means.onnx");
    }

    private static void Refused(string file, OnnxJudgeOptions options, string sentence) =>
        Assert.Contains(sentence, Assert.Throws<InferenceException>(() => OnnxJudge.Load(file, options)).Message, StringComparison.Ordinal);
}
