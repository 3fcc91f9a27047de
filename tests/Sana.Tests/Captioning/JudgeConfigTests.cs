using Sana.Curation;
using Sana.Curation.Captioning.Config;
using Sana.Inference.Judging;
using Xunit;

namespace Sana.Tests.Captioning;

/// <summary>Judges of images in <c>captioners.json</c>.</summary>
public sealed class JudgeConfigTests
{
    private const string Three = """
        {
          "judges": [
            { "label": "laion-v2", "kind": "aesthetic", "checkpoint": "ttj/sac-logos-ava1-l14-linearMSE", "clip": "openai/clip-vit-large-patch14", "min": 5 },
            { "label": "nsfw", "kind": "classifier", "checkpoint": "Falconsai/nsfw_image_detection", "class": "nsfw", "max": 0.5 },
            { "label": "sd", "kind": "safety-checker", "checkpoint": "CompVis/stable-diffusion-safety-checker", "max": 0 },
          ],
        }
        """;

    private const string Own = """
        { "judges": [ { "label": "mine", "kind": "onnx", "checkpoint": "mine.onnx", "graph": {
          "size": 320, "channels": "bgr", "layout": "nhwc", "resample": "bicubic", "rescale": 1, "mean": [104, 117, 123.5], "std": [1, 2, 3], "output": "logits", "index": 2, "activation": "sigmoid" } } ] }
        """;

    [Fact]
    public void Every_field_is_read_and_the_kind_stands_in_the_columns_name()
    {
        var file = CaptionerFile.Parse(Three);

        Assert.Empty(file.Captioners);
        Assert.Equal(["aesthetic__laion-v2", "classifier__nsfw", "safety_checker__sd"], file.Judges.Select(judge => judge.Column));
        Assert.Equal([JudgeKind.Aesthetic, JudgeKind.Classifier, JudgeKind.SafetyChecker], file.Judges.Select(judge => judge.Kind));
        Assert.Equal(("openai/clip-vit-large-patch14", null, 5d, null), (file.Judges[0].Clip, file.Judges[0].Class, file.Judges[0].Min, file.Judges[0].Max));
        Assert.Equal((null, "nsfw", null, 0.5), (file.Judges[1].Clip, file.Judges[1].Class, file.Judges[1].Min, file.Judges[1].Max));
        Assert.Equal("""{"label":"nsfw","kind":"classifier","checkpoint":"Falconsai/nsfw_image_detection","class":"nsfw","clip":null,"min":null,"max":0.5,"graph":null}""", file.Judges[1].Identity().ToJsonString());
    }

    [Theory]
    [InlineData("\"label\": \"laion-v2\"", "\"label\": \"Laion.v2\"", "judges[0].label is \"Laion.v2\"")]
    [InlineData("\"label\": \"sd\"", "\"label\": \"nsfw\"", "judges has the label \"nsfw\" twice")]
    [InlineData("\"aesthetic\"", "\"beauty\"", "judges[0].kind is \"beauty\"; it is one of aesthetic, classifier, safety-checker, clip, prompt, onnx")]
    [InlineData("\"kind\": \"aesthetic\", ", "", "judges[0].kind is missing")]
    [InlineData("\"class\": \"nsfw\", ", "", "judges[1].class is missing")]
    [InlineData("\"max\": 0 }", "\"max\": 0, \"class\": \"nsfw\" }", "judges[2].class belongs to the kind classifier")]
    [InlineData("\"max\": 0.5", "\"max\": 0.5, \"clip\": \"x\"", "judges[1].clip belongs to the kind aesthetic")]
    [InlineData("\"min\": 5", "\"precision\": \"int4\"", "judges[0].precision is \"int4\"; it is one of float32, w8a8")]
    [InlineData("\"clip\": \"openai/clip-vit-large-patch14\"", "\"precision\": \"w8a8\"", "judges[0].precision is that of a CLIP of its own; name that")]
    [InlineData("\"max\": 0.5", "\"max\": 0.5, \"precision\": \"w8a8\"", "judges[1].precision belongs to the kinds clip and aesthetic; take it out")]
    [InlineData("\"max\": 0.5", "\"max\": 0.5, \"min\": 0.6", "judges[1].min is 0.6, more than max 0.5")]
    [InlineData("\"max\": 0.5", "\"max\": 1e9", "judges[1].max is 1e9; it goes from -1000 to 1000")]
    [InlineData("\"min\": 5", "\"threshold\": 5", "judges[0].threshold is no field of this object")]
    [InlineData("\"checkpoint\": \"Falconsai/nsfw_image_detection\", ", "", "judges[1].checkpoint is missing")]
    public void What_cannot_be_used_is_refused_by_its_place(string old, string other, string sentence) =>
        Assert.Contains(sentence, Assert.Throws<CurationException>(() => CaptionerFile.Parse(Three.Replace(old, other, StringComparison.Ordinal))).Message, StringComparison.Ordinal);

    [Fact]
    public void Another_precision_is_another_judge_and_float32_says_nothing()
    {
        var plain = CaptionerFile.Parse(Three).Judges[0].Identity().ToJsonString();

        Assert.Equal(plain, CaptionerFile.Parse(Three.Replace("\"min\": 5", "\"min\": 5, \"precision\": \"float32\"", StringComparison.Ordinal)).Judges[0].Identity().ToJsonString());
        Assert.EndsWith("\"precision\":\"w8a8\"}", CaptionerFile.Parse(Three.Replace("\"min\": 5", "\"min\": 5, \"precision\": \"w8a8\"", StringComparison.Ordinal)).Judges[0].Identity().ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_graph_of_ones_own_is_described()
    {
        var judge = Assert.Single(CaptionerFile.Parse(Own).Judges);

        var graph = judge.Graph!;
        Assert.Equal(("onnx__mine", "mine.onnx"), (judge.Column, judge.Checkpoint));
        Assert.Equal((320, true, true, true, 1.0, "logits", 2, JudgeActivation.Sigmoid), (graph.Size, graph.IsBgr, graph.IsNhwc, graph.IsBicubic, graph.Rescale, graph.Output, graph.Index, graph.Activation));
        Assert.Equal([[104, 117, 123.5], [1, 2, 3]], new[] { graph.Mean, graph.Std });
        Assert.Equal("""{"size":320,"channels":"bgr","layout":"nhwc","resample":"bicubic","rescale":1,"mean":[104,117,123.5],"std":[1,2,3],"output":"logits","index":2,"activation":"sigmoid"}""", judge.Identity()["graph"]!.ToJsonString());
    }

    [Theory]
    [InlineData("\"size\": 320, ", "", "judges[0].graph.size is missing")]
    [InlineData("[104, 117, 123.5]", "[104, 117]", "judges[0].graph.mean is [104, 117]; it is a list of 3 numbers")]
    [InlineData("[1, 2, 3]", "[1, 2, 0]", "judges[0].graph.std is [1, 2, 0]; it is a list of 3 numbers")]
    [InlineData("\"bgr\"", "\"cmyk\"", "judges[0].graph.channels is \"cmyk\"")]
    [InlineData("\"kind\": \"onnx\"", "\"kind\": \"safety-checker\"", "judges[0].graph belongs to the kind onnx")]
    [InlineData("\"sigmoid\"", "\"sigmoid\", \"scale\": 1", "judges[0].graph.scale is no field")]
    public void A_description_that_cannot_be_used_is_refused_by_its_place(string old, string other, string sentence) =>
        Assert.Contains(sentence, Assert.Throws<CurationException>(() => CaptionerFile.Parse(Own.Replace(old, other, StringComparison.Ordinal))).Message, StringComparison.Ordinal);

    [Fact]
    public void A_file_of_nobody_is_refused() =>
        Assert.Contains("name at least one captioner, or one of judges", Assert.Throws<CurationException>(() => CaptionerFile.Parse("""{"captioners": [], "judges": []}""")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(4.9, null, 5.0, "Its aesthetic__a 4.9 is below 5.")]
    [InlineData(5.0, 5.0, 5.0, null)]
    [InlineData(0.51, 0.5, null, "Its aesthetic__a 0.51 is above 0.5.")]
    [InlineData(0.0, 0.0, null, null)]
    [InlineData(0.001, 0.0, null, "Its aesthetic__a 0.001 is above 0.")]
    [InlineData(-1.0, null, null, null)]
    [InlineData(null, null, null, null)]
    [InlineData(null, 1.0, null, "m gave no finite number for aesthetic__a, which has a limit.")]
    public void A_limit_itself_still_stays(double? score, double? max, double? min, string? fault) =>
        Assert.Equal(fault, new JudgeCard("a", "aesthetic", "aesthetic__a", "m", "0", "points") { Min = min, Max = max }.Fault(score));
}
