using System.Text.Json.Nodes;
using Sana.GraphBuilder;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Checkpoint;

/// <summary>When the graph of a judge is written, what it says, and which forms of its files are taken or refused in one sentence.</summary>
public sealed class JudgeBuildTests : IDisposable
{
    private readonly BuiltJudge _classifier = BuiltJudge.Classifier();
    private readonly BuiltJudge _checker = BuiltJudge.SafetyChecker();

    public void Dispose()
    {
        _classifier.Dispose();
        _checker.Dispose();
    }

    [Fact]
    public void Each_is_built_once_and_known_by_its_config()
    {
        foreach (var judge in new[] { _classifier, _checker })
        {
            var (first, second) = (judge.Build(), judge.Build());

            Assert.Equal((true, false), (first.Written, second.Written));
            Assert.Equal(["model.onnx"], first.Graphs.Select(graph => graph.File));
            Assert.True(JudgeCheckpoint.IsIn(judge.Folder));
            File.AppendAllText(judge.PathOf("preprocessor_config.json"), " ");
            Assert.NotEqual(first.Fingerprint, judge.Build().Fingerprint);
        }

        using var clip = new BuiltClip();
        Assert.False(JudgeCheckpoint.IsIn(clip.Folder));
        Assert.Contains("model_type", Assert.Throws<CheckpointException>(() => JudgeCheckpoint.Build(clip.Folder, new BuildOptions())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_summary_tells_kind_labels_and_network()
    {
        var (classifier, checker) = (JudgeCheckpoint.Describe(_classifier.Folder), JudgeCheckpoint.Describe(_checker.Folder));
        using var judge = _classifier.Load(JudgeReference.Labels[0]);

        Assert.Equal(("classifier", judge.Fingerprint, judge.Name), (classifier.Kind, classifier.Fingerprint, classifier.Name));
        Assert.Equal(JudgeReference.Labels, classifier.Labels);
        Assert.Equal(("safety-checker", 0), (checker.Kind, checker.Labels.Count));
        Assert.All(new[] { classifier, checker }, summary => Assert.Equal(summary.Bytes, new FileInfo(Path.Combine(summary.Kind == "classifier" ? _classifier.Folder : _checker.Folder, "model.safetensors")).Length));
    }

    [Theory]
    [InlineData("classifier"), InlineData("safety-checker")]
    public void A_graph_says_what_judging_needs(string kind)
    {
        using var judge = new BuiltJudge(kind);
        judge.Build();

        using var network = OnnxModel.Load(judge.PathOf("model.onnx"), new OnnxModelOptions(Device.Cpu, 1, KeepMemory: false));
        Approve.Text($"Contract-{kind}-metadata", string.Concat(network.Metadata.Keys.Order(StringComparer.Ordinal).Select(key => $"{key}\n")));
    }

    [Theory]
    [InlineData("classifier.weight", "no tensor 'classifier.weight'")]
    [InlineData("vit.layernorm.bias", "no tensor 'vit.layernorm.bias'")]
    public void A_classifiers_missing_tensor_is_named(string name, string sentence)
    {
        _classifier.EditWeights(tensor => tensor.Name == name ? null : tensor);

        Refused(_classifier, sentence);
    }

    [Theory]
    [InlineData("concept_embeds", "no tensor 'concept_embeds'")]
    [InlineData("special_care_embeds_weights", "no tensor 'special_care_embeds_weights'")]
    [InlineData("vision_model.vision_model.post_layernorm.weight", "no tensor 'vision_model.post_layernorm.weight'")]
    public void A_safety_checkers_missing_tensor_is_named(string name, string sentence)
    {
        _checker.EditWeights(tensor => tensor.Name == name ? null : tensor);

        Refused(_checker, sentence);
    }

    [Fact]
    public void Concepts_of_another_width_are_refused()
    {
        _checker.EditWeights(tensor => tensor.Name == "concept_embeds" ? tensor with { Shape = [.. tensor.Shape.Reverse()] } : tensor);
        Refused(_checker, "'concept_embeds'", "implies [");

        using var flat = BuiltJudge.SafetyChecker();
        flat.EditWeights(tensor => tensor.Name == "special_care_embeds" ? tensor with { Shape = [tensor.Shape[0] * tensor.Shape[1]] } : tensor);
        Refused(flat, "'special_care_embeds'", "but must be [1…10000,");
    }

    [Theory]
    [InlineData("""{"id2label":null}""", "has no id2label")]
    [InlineData("""{"id2label":{}}""", "an object of 1 to")]
    [InlineData("""{"id2label":{"0":"normal","2":"nsfw"}}""", "texts under \"0\" to \"1\"")]
    [InlineData("""{"id2label":{"0":"normal","1":7}}""", "texts under \"0\" to \"1\"")]
    [InlineData("""{"id2label":["normal","nsfw"]}""", "an object of 1 to")]
    [InlineData("""{"id2label":{"0":"a","1":"b","2":"c","3":"d","4":"e"}}""", "'classifier.weight'")]
    [InlineData("""{"problem_type":"multi_label_classification"}""", "problem_type")]
    [InlineData("""{"patch_size":7}""", "patch_embeddings.projection.weight'")]
    [InlineData("""{"model_type":"deit"}""", "model_type")]
    [InlineData("""{"use_mask_token":true}""", "'use_mask_token'")]
    public void A_classifiers_config_that_cannot_be_built_is_refused(string changes, string sentence)
    {
        _classifier.Edit("config.json", json =>
        {
            foreach (var (key, value) in JsonNode.Parse(changes)!.AsObject())
                json[key] = value?.DeepClone();
        });

        Refused(_classifier, "config.json", sentence);
    }

    [Fact]
    public void Other_ways_to_prepare_images_are_refused()
    {
        _classifier.Edit("preprocessor_config.json", json => json["do_center_crop"] = true);
        Refused(_classifier, "'do_center_crop'");
        _checker.Edit("preprocessor_config.json", json => json["resample"] = 2);
        Refused(_checker, "resample");
    }

    private static void Refused(BuiltJudge judge, params string[] parts)
    {
        var error = Assert.Throws<CheckpointException>(() => judge.Build());
        Assert.All(parts, part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
    }
}
