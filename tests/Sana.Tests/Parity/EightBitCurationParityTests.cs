using System.Numerics.Tensors;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;
using Sana.Inference.Captioning;
using Sana.Inference.Clip;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Parity;

/// <summary>
/// Captioners and scorers in eight bits against the reference in float32. The fixtures' weights are random and their layers narrow, which is the hardest case: nothing averages out.
/// What it costs on trained weights is held by EightBitCurationTests. Measured, the least cosines: Florence-2's vision tower 0.9993, its encoder 0.9988, logits of its decoder 0.9984,
/// logits of ViT with GPT-2 0.99998. Scores of CLIP move by 0.23 of 100 on average and by 0.84 at most, those of SigLIP by 0.16 and 0.30: more than the 0.3 that trained networks keep.
/// </summary>
[Trait("Category", "Parity")]
public sealed class EightBitCurationParityTests
{
    private const double LeastCosineOfScorer = 0.999;
    private const double MostMoved = 1; // of 100
    private const double LeastCosineOfCaptioner = 0.995;

    private static readonly BuildOptions _eightBits = new() { Precision = GraphPrecision.W8A8 };
    private static readonly ClipScorerOptions _scorer = new() { Threads = 1, Precision = Precision.W8A8 };

    public static TheoryData<string> Pictures => [.. FlorenceReference.Pictures];

    [Fact]
    public void CLIP_gives_nearly_the_references_vectors()
    {
        using var checkpoint = new BuiltClip();
        checkpoint.Build(_eightBits);
        using var scorer = ClipScorer.Load(checkpoint.Folder, _scorer);

        var exact = ClipReference.Places.Where(image => !ClipReference.IsJpeg(image)).ToArray();
        Near(exact.Select(image => ClipReference.Row("image_embeds.normalized", image)), scorer.EmbedImages([.. exact.Select(ClipReference.Decode)]), LeastCosineOfScorer);
        Near(ClipReference.Texts.Select((_, text) => ClipReference.Row("text_embeds.normalized", text)), scorer.EmbedTexts(ClipReference.Texts), LeastCosineOfScorer);
        NearInScore(exact.Select(image => ClipReference.Row("cosine", image)), scorer, exact.Select(ClipReference.Decode), ClipReference.Texts);
    }

    [Fact]
    public void SigLIP_gives_nearly_the_references_vectors()
    {
        using var checkpoint = new BuiltSiglip();
        checkpoint.Build(_eightBits);
        using var scorer = ClipScorer.Load(checkpoint.Folder, _scorer);

        var exact = Enumerable.Range(0, SiglipReference.Images.Length).Where(image => !SiglipReference.IsJpeg(image)).ToArray();
        Near(exact.Select(image => SiglipReference.Row("siglip.image_embeds", image)), scorer.EmbedImages([.. exact.Select(SiglipReference.Decode)]), LeastCosineOfScorer);
        Near(SiglipReference.Texts.Select((_, text) => SiglipReference.Row("siglip.text_embeds", text)), scorer.EmbedTexts(SiglipReference.Texts), LeastCosineOfScorer);
        var texts = SiglipReference.Texts.Select((_, text) => SiglipReference.Row("siglip.text_embeds", text)).ToArray();
        var cosines = exact.Select(image => Array.ConvertAll(texts, text => TensorPrimitives.Dot<float>(SiglipReference.Row("siglip.image_embeds", image), text)));
        NearInScore(cosines, scorer, exact.Select(SiglipReference.Decode), SiglipReference.Texts);
    }

    [Theory, MemberData(nameof(Pictures))]
    public void Stages_and_projector_and_encoder_of_Florence_are_near_the_references(string picture)
    {
        var folder = FlorenceReference.Checkpoint;
        var config = Florence2Config.Load(Path.Combine(folder, "config.json"), Path.Combine(folder, "generation_config.json"), "fixture");
        var side = VitImageConfig.LoadFlorence2(folder, _ => FlorenceReference.ImageTokens).Image.Side;
        var weights = SafetensorsWeights.Open(folder, "model");
        var graph = CaptionerGraphs.Encoder(
            config, side, Florence2Tensors.Tables(weights, config.TieWordEmbeddings), weights, path => !path.Contains("layers", StringComparison.Ordinal), Arithmetic.W8A8);
        using var network = OnnxModel.Load(graph.ToModel().ToByteArray(), folder, new OnnxModelOptions(Device.Cpu, 1, KeepMemory: false));
        using var pixels = OrtValue.CreateTensorValueFromMemory(FlorenceReference.Tensors.Floats($"{picture}.pixel_values"), [1, 3, side, side]);
        foreach (var (task, _) in FlorenceReference.Captions.Where(caption => caption.Picture == picture))
        {
            var ids = FlorenceReference.Question(task, picture);
            using var question = OrtValue.CreateTensorValueFromMemory(ids, [ids.Length]);
            (string Output, string Tensor)[] all =
            [
                .. config.Vision.Stages.Select((_, stage) => ($"model.vision_tower.blocks.{stage}", $"{picture}.stage.{stage}")),
                ("model.multi_modal_projector", $"{picture}.image_features"), ("model.language_model.encoder", $"{picture}.{task}.encoder"),
            ];
            using var outputs = network.Run([("pixel_values", pixels), ("input_ids", question)], [.. all.Select(one => one.Output)], default);

            Near(all.Select(one => FlorenceReference.Tensors.Floats(one.Tensor)), [.. outputs.Select(output => output.GetTensorDataAsSpan<float>().ToArray())], LeastCosineOfCaptioner);
        }
    }

    [Fact]
    public void Logits_of_Florence_are_near_those_of_float32_with_and_without_the_cache()
    {
        using var checkpoint = new BuiltFlorence();
        checkpoint.Build(_eightBits);
        using var exact = CaptionNetwork.Load(checkpoint.Folder, new CaptionNetworkOptions { Threads = 1 });
        using var eightBits = CaptionNetwork.Load(checkpoint.Folder, new CaptionNetworkOptions { Threads = 1, Precision = Precision.W8A8 });
        foreach (var (task, picture) in FlorenceReference.Captions)
        {
            var (image, word) = (Picture.Decode(picture), FlorenceReference.Word(task));
            int[] ids = [0, .. FlorenceReference.Expected(task, picture, "greedy")[1..6]];
            var expected = exact.LogitsAfter(image, ids, task: word).Data;

            Near([expected], [eightBits.LogitsAfter(image, ids, task: word).Data], LeastCosineOfCaptioner);
            Near([expected], [eightBits.LogitsAfter(image, ids, cached: true, task: word).Data], LeastCosineOfCaptioner);
        }
    }

    [Theory]
    [InlineData(12, true)]
    [InlineData(8, false)]
    public void Logits_of_ViT_with_GPT_2_are_near_those_of_float32(int width, bool tied)
    {
        using var tiny = new TinyCaptioner(encoderWidth: width, tied: tied);
        CaptionerCheckpoint.Build(tiny.Folder, _eightBits);
        using var exact = CaptionNetwork.Load(tiny.Folder, new CaptionNetworkOptions { Threads = 1 });
        using var eightBits = CaptionNetwork.Load(tiny.Folder, new CaptionNetworkOptions { Threads = 1, Precision = Precision.W8A8 });
        for (var image = 0; image < 8; image++)
        {
            var expected = exact.LogitsAfter(TinyCaptioner.Image(image), [3, 4, 5, 6]).Data;

            Near([expected], [eightBits.LogitsAfter(TinyCaptioner.Image(image), [3, 4, 5, 6], cached: true).Data], LeastCosineOfCaptioner);
        }
    }

    private static void NearInScore(IEnumerable<float[]> cosines, ClipScorer scorer, IEnumerable<RgbImage> images, string[] texts)
    {
        var scores = scorer.ScoreTexts(scorer.EmbedImages([.. images]), [.. cosines.Select(_ => texts)]);
        double[] moved = [.. cosines.Zip(scores).SelectMany(pair => pair.First.Zip(pair.Second, (cosine, score) => Math.Abs((100 * cosine) - score.Score)))];
        Assert.InRange(moved.Max(), 1e-6, MostMoved);
    }

    // Near, and not the same: eight bits were used.
    private static void Near(IEnumerable<float[]> expected, float[][] actual, double least) => Assert.All(expected.Zip(actual), pair =>
    {
        Assert.InRange(TensorPrimitives.CosineSimilarity<float>(pair.First, pair.Second), least, 1.00001);
        Assert.NotEqual(pair.First, pair.Second);
    });
}
