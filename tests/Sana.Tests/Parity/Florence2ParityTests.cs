using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Safetensors;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;
using Sana.Inference.Text;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Parity;

/// <summary>Florence-2 from pictures to captions, and each stage on the reference's pixels.</summary>
[Trait("Category", "Parity")]
public sealed class Florence2ParityTests : IDisposable
{
    private const string First = "decoder.0.cross.k";

    private readonly Florence2Config _config = Florence2Config.Load(PathOf("config.json"), PathOf("generation_config.json"), "fixture");
    private readonly VitImageConfig _image;
    private readonly SafetensorsWeights _weights = SafetensorsWeights.Open(FlorenceReference.Checkpoint, "model");
    private readonly TokenTables _tables;
    private readonly BuiltFlorence _checkpoint = new();

    public Florence2ParityTests()
    {
        _image = VitImageConfig.LoadFlorence2(FlorenceReference.Checkpoint, _ => FlorenceReference.ImageTokens).Image;
        _tables = Florence2Tensors.Tables(_weights, _config.TieWordEmbeddings);
    }

    public static TheoryData<string> Pictures => [.. FlorenceReference.Pictures];

    public static TheoryData<string, string, string> Captions => [.. FlorenceReference.Captions.SelectMany(caption =>
        new[] { "greedy", "greedy_no_repeat", "beam3" }.Select(how => (caption.Task, caption.Picture, how)))];

    [Fact]
    public void Texts_have_the_references_ids()
    {
        var vocabulary = Gpt2Vocabulary.LoadWithMerges(FlorenceReference.Checkpoint);

        Assert.All(FlorenceReference.Tokens, text => Assert.Equal(text.Ids, vocabulary.Encode(text.Text)));
    }

    // The resize is exact; the rest are float steps. Decoders of JPEG round a sample differently by up to 2 levels, and a bicubic resize may overshoot them.
    [Theory, MemberData(nameof(Pictures))]
    public void Pixels_are_the_references(string picture)
    {
        var bytes = new byte[(3 * _image.Side * _image.Side) + 1];
        var filter = _image.Resample == "bicubic" ? PilFilter.Bicubic : PilFilter.Bilinear;
        PilResize.Cut(Picture.Decode(picture), (_image.Side, _image.Side), (0, 0), (_image.Side, _image.Side), filter, bytes);
        var planes = new float[bytes.Length - 1];
        new PixelLevels(_image.RescaleFactor, _image.ImageMean, _image.ImageStd).Write(bytes.AsSpan(0, planes.Length), planes);

        var expected = FlorenceReference.Tensors.Floats($"{picture}.pixel_values");
        var most = FlorenceReference.IsJpeg(picture) ? 6 / 255.0 / _image.ImageStd.Min() : 1e-6 * expected.Max(Math.Abs);
        Assert.All(expected.Zip(planes), pair => Assert.Equal(pair.First, pair.Second, most));
    }

    [Theory, MemberData(nameof(Pictures))]
    public void Stages_and_projector_and_encoder_give_what_the_reference_gives(string picture)
    {
        foreach (var task in FlorenceReference.Captions.Where(caption => caption.Picture == picture).Select(caption => caption.Task))
        {
            var outputs = Encode(picture, task);

            for (var stage = 0; stage < _config.Vision.Stages.Length; stage++)
                Within($"{picture}.stage.{stage}", outputs[$"model.vision_tower.blocks.{stage}"]);
            Within($"{picture}.image_features", outputs["model.multi_modal_projector"]);
            Within($"{picture}.{task}.encoder", outputs["model.language_model.encoder"]);
        }
    }

    [Theory, MemberData(nameof(Pictures))]
    public void Logits_are_the_references(string picture)
    {
        using var network = _checkpoint.Network();
        foreach (var task in FlorenceReference.Captions.Where(caption => caption.Picture == picture && !FlorenceReference.IsJpeg(picture)).Select(caption => caption.Task))
        {
            var expected = FlorenceReference.Tensors.Floats($"{picture}.{task}.logits");
            var width = expected.Length / 2;

            var first = network.LogitsAfter(Picture.Decode(picture), [], task: FlorenceReference.Word(task)).Data;
            var second = network.LogitsAfter(Picture.Decode(picture), [0], cached: true, FlorenceReference.Word(task)).Data;

            Close.To(expected, [.. first, .. second], FlorenceReference.Tolerance);
            Assert.Equal(width, first.Length);
        }
    }

    [Theory, MemberData(nameof(Captions))]
    public void Captions_have_the_references_ids(string task, string picture, string how)
    {
        using var network = _checkpoint.Network();

        var caption = network.Generate([Picture.Decode(picture)], FlorenceReference.Options(task, how))[0];

        var expected = FlorenceReference.Expected(task, picture, how);
        Assert.Equal(expected[1..^1], caption.Ids);
        Assert.Equal((expected.Length - 1, expected.Length - 1 == FlorenceReference.MaxTokens ? "length" : "stop"), (caption.Tokens, caption.FinishReason));
        if (how == "beam3")
            Assert.Equal(FlorenceReference.Text(task, picture), caption.Text);
    }

    public void Dispose() => _checkpoint.Dispose();

    private static string PathOf(string file) => Path.Combine(FlorenceReference.Checkpoint, file);

    private static void Within(string tensor, float[] actual) => Close.To(FlorenceReference.Tensors.Floats(tensor), actual, FlorenceReference.Tolerance);

    private Dictionary<string, float[]> Encode(string picture, string task)
    {
        var graph = CaptionerGraphs.Encoder(_config, _image.Side, _tables, _weights, expose: path => !path.Contains("layers", StringComparison.Ordinal));
        using var network = OnnxModel.Load(graph.ToModel().ToByteArray(), FlorenceReference.Checkpoint, new OnnxModelOptions(Device.Cpu, 1, KeepMemory: false));
        using var pixels = OrtValue.CreateTensorValueFromMemory(FlorenceReference.Tensors.Floats($"{picture}.pixel_values"), [1, 3, _image.Side, _image.Side]);
        var ids = FlorenceReference.Question(task, picture);
        using var question = OrtValue.CreateTensorValueFromMemory(ids, [ids.Length]);
        string[] names = [.. network.Outputs.Where(name => name == First || !name.Contains("cross", StringComparison.Ordinal))];
        using var outputs = network.Run([("pixel_values", pixels), ("input_ids", question)], names, default);
        return names.Zip(outputs).ToDictionary(pair => pair.First, pair => pair.Second.GetTensorDataAsSpan<float>().ToArray());
    }
}
