using System.Text.Json.Nodes;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Safetensors;
using Sana.Inference;
using Sana.Inference.Clip;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Checkpoint;

/// <summary>When the graphs of a SigLIP 2 checkpoint are written, what they say, and which forms of its files are taken or refused in one sentence.</summary>
public sealed class SiglipBuildTests : IDisposable
{
    private const string Preprocessor = "preprocessor_config.json";
    private readonly BuiltSiglip _checkpoint = new();

    public void Dispose() => _checkpoint.Dispose();

    [Fact]
    public void Both_towers_are_built_once()
    {
        var (first, second) = (_checkpoint.Build(), _checkpoint.Build());

        Assert.Equal((true, false), (first.Written, second.Written));
        Assert.Equal(["vision_model.onnx", "text_model.onnx"], first.Graphs.Select(graph => graph.File));
        Assert.True(_checkpoint.Build(new BuildOptions { Force = true }).Written);
    }

    [Fact]
    public void Each_graph_says_what_scoring_needs()
    {
        foreach (var graph in _checkpoint.Build().Graphs)
        {
            using var network = OnnxModel.Load(_checkpoint.PathOf(graph.File), new OnnxModelOptions(Device.Cpu, 1, KeepMemory: false));
            Approve.Text("Contract-siglip-metadata", string.Concat(network.Metadata.Keys.Order(StringComparer.Ordinal).Select(key => $"{key}\n")));
        }
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("preprocessor_config.json")]
    [InlineData("tokenizer.json")]
    [InlineData("tokenizer_config.json")]
    public void A_changed_file_is_another_checkpoint(string file)
    {
        var before = _checkpoint.Build();
        File.AppendAllText(_checkpoint.PathOf(file), " ");

        Assert.NotEqual(before.Fingerprint, _checkpoint.Build().Fingerprint);
    }

    [Fact, Trait("Category", "Parity")]
    public void The_config_implies_exactly_the_tensors_of_the_file()
    {
        var weights = SafetensorsWeights.Open(SiglipReference.Checkpoint, "model");
        var expected = SiglipTensors.All(SiglipConfig.Load(Path.Combine(SiglipReference.Checkpoint, "config.json")));

        var found = weights.Entries.Select(entry => entry.Name);
        Assert.Equal(found.Order(StringComparer.Ordinal), expected.Select(tensor => tensor.Name).Order(StringComparer.Ordinal));
        weights.Require(expected);
    }

    [Fact]
    public void A_summary_tells_family_towers_and_sigmoid()
    {
        var summary = ClipCheckpoint.Describe(_checkpoint.Folder);
        using var scorer = _checkpoint.Scorer();

        Assert.Equal(("SigLIP", scorer.Fingerprint, scorer.ContextLength), (summary.Family, summary.Fingerprint, summary.ContextLength));
        Assert.Equal(["vision_model", "text_model"], summary.Towers.Select(tower => tower.Name));
        Assert.Equal(scorer.EvenScore!.Value, -100 * summary.LogitBias!.Value / summary.LogitScale!.Value, 1e-9);
        Assert.True(ClipCheckpoint.IsIn(_checkpoint.Folder) && ClipCheckpoint.IsSiglip(_checkpoint.Folder));
    }

    [Fact]
    public void A_summary_of_CLIP_has_no_sigmoid()
    {
        using var clip = new BuiltClip();

        Assert.Equal(("CLIP", null, null), (ClipCheckpoint.Describe(clip.Folder) is var summary ? summary.Family : "", summary.LogitScale, summary.LogitBias));
        Assert.False(ClipCheckpoint.IsSiglip(clip.Folder));
    }

    /// <summary>Half of the numbers' bits are gone, and nothing else changes.</summary>
    [Theory]
    [InlineData("F16", 2e-3), InlineData("BF16", 2e-2)]
    public void Weights_of_half_precision_are_widened(string type, double tolerance)
    {
        using var before = _checkpoint.Scorer();
        var image = SiglipReference.Decode(0);
        var (even, embedding) = (before.EvenScore!.Value, before.EmbedImages([image])[0]);
        _checkpoint.EditWeights(tensor => tensor with
        {
            Type = type,
            Bytes = [.. Enumerable.Range(0, tensor.Bytes.Length / 4).Select(i => BitConverter.ToSingle(tensor.Bytes, 4 * i)).SelectMany(number =>
                type == "F16" ? BitConverter.GetBytes((Half)number) : BitConverter.GetBytes((ushort)(BitConverter.SingleToInt32Bits(number) >> 16)))],
        });

        using var after = _checkpoint.Scorer();

        Assert.Equal(even, after.EvenScore!.Value, even * tolerance * 10);
        Assert.All(embedding.Zip(after.EmbedImages([image])[0]), pair => Assert.Equal(pair.First, pair.Second, tolerance * 10));
    }

    [Theory]
    [InlineData("vision_model.head.probe", "no tensor 'vision_model.head.probe'")]
    [InlineData("vision_model.head.attention.in_proj_bias", "no tensor 'vision_model.head.attention.in_proj_bias'")]
    [InlineData("text_model.head.weight", "no tensor 'text_model.head.weight'")]
    [InlineData("logit_bias", "no tensor 'logit_bias'")]
    public void A_missing_tensor_is_named(string name, string sentence)
    {
        _checkpoint.EditWeights(tensor => tensor.Name == name ? null : tensor);

        Refused(sentence);
    }

    [Theory]
    [InlineData("vision_model.head.attention.in_proj_weight")]
    [InlineData("vision_model.embeddings.position_embedding.weight")]
    [InlineData("text_model.embeddings.token_embedding.weight")]
    public void A_tensor_of_another_shape_is_named(string name)
    {
        _checkpoint.EditWeights(tensor => tensor.Name == name ? tensor with { Shape = [.. tensor.Shape.Reverse()] } : tensor);

        Refused($"'{name}'", "has shape [", "implies [");
    }

    [Fact]
    public void A_tensor_too_many_is_named()
    {
        _checkpoint.EditWeights(tensor => tensor.Name == "logit_bias" ? tensor with { Name = "vision_model.embeddings.class_embedding" } : tensor);
        Refused("no tensor 'logit_bias'");

        using var other = new BuiltSiglip();
        other.Edit("config.json", json => json["text_config"]!["num_hidden_layers"] = (int)json["text_config"]!["num_hidden_layers"]! - 1);
        Assert.Contains("has no use for", Assert.Throws<CheckpointException>(() => other.Build()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("logit_scale", float.NaN), InlineData("logit_scale", 100f), InlineData("logit_bias", float.PositiveInfinity)]
    public void A_scale_or_bias_that_is_no_number_is_refused(string name, float number)
    {
        _checkpoint.EditWeights(tensor => tensor.Name == name ? tensor with { Bytes = BitConverter.GetBytes(number) } : tensor);

        Refused($"'{name}'", "but must be a number from");
    }

    [Theory]
    [InlineData("""{"model_type":"siglip2"}""", "model_type", "NaFlex")]
    [InlineData("""{"vision_config":{"vision_use_head":false}}""", "vision_config.vision_use_head", "true, the only form")]
    [InlineData("""{"vision_config":{"num_patches":256}}""", "vision_config.'num_patches'", "not known")]
    [InlineData("""{"vision_config":{"patch_size":4000}}""", "vision_config.patch_size", "at most image_size")]
    [InlineData("""{"vision_config":{"num_attention_heads":7}}""", "vision_config.num_attention_heads", "divisor of hidden_size")]
    [InlineData("""{"vision_config":{"model_type":"clip_vision_model"}}""", "vision_config.model_type", "siglip_vision_model")]
    [InlineData("""{"text_config":{"projection_size":7}}""", "text_config.projection_size", "vision_config.hidden_size")]
    [InlineData("""{"text_config":{"hidden_act":"silu"}}""", "text_config.hidden_act", "gelu_pytorch_tanh")]
    [InlineData("""{"text_config":{"vocab_size":0}}""", "text_config.vocab_size", "from 1 to 2000000")]
    [InlineData("""{"text_config":{"position_embedding_type":"rope"}}""", "text_config.'position_embedding_type'", "not known")]
    [InlineData("""{"text_config":"x"}""", "text_config", "an object")]
    [InlineData("""{"logit_softcapping":30}""", "'logit_softcapping'", "not known")]
    public void A_config_that_cannot_be_built_is_refused_by_key(string changes, string key, string expected)
    {
        _checkpoint.Edit("config.json", json => Merge(json, JsonNode.Parse(changes)!.AsObject()));

        Refused("config.json", key, expected);
    }

    /// <summary>What transformers of some versions writes into every config.</summary>
    [Fact]
    public void Keys_without_effect_change_nothing()
    {
        using var before = _checkpoint.Scorer();
        var embedding = before.EmbedTexts(["a cat"])[0];
        _checkpoint.Edit("config.json", json => Merge(json, JsonNode.Parse("""
            {"torch_dtype":"float32","transformers_version":"4.49.0.dev0","_name_or_path":"x",
             "text_config":{"torch_dtype":"float32","top_k":50,"return_dict":true,"use_cache":false,"bos_token_id":7},
             "vision_config":{"torch_dtype":"float32","temperature":1.0,"pruned_heads":null}}
            """)!.AsObject()));
        using var after = _checkpoint.Scorer();

        Assert.Equal(embedding, after.EmbedTexts(["a cat"])[0]);
    }

    [Theory]
    [InlineData("do_resize", "false")]
    [InlineData("do_rescale", "false")]
    [InlineData("do_normalize", "false")]
    [InlineData("do_convert_rgb", "false")]
    [InlineData("do_center_crop", "true")]
    [InlineData("do_pad", "true")]
    [InlineData("resample", "1")]
    [InlineData("size", "1")]
    [InlineData("size", "{\"shortest_edge\": 64}")]
    [InlineData("rescale_factor", "0")]
    [InlineData("image_mean", "[0.5, 0.5]")]
    [InlineData("image_std", "[0.5, 0, 0.5]")]
    [InlineData("image_processor_type", "\"CLIPImageProcessor\"")]
    [InlineData("image_processor_type", "\"Siglip2ImageProcessor\"")]
    [InlineData("do_something", "true")]
    public void Another_way_to_prepare_images_is_refused_by_key(string key, string value)
    {
        _checkpoint.Edit(Preprocessor, json => json[key] = JsonNode.Parse(value));

        Refused(Preprocessor, key);
    }

    [Fact]
    public void The_published_form_of_the_preprocessor_is_read()
    {
        _checkpoint.Edit(Preprocessor, json => (json["do_convert_rgb"], json["processor_class"]) = (null, "SiglipProcessor"));

        Assert.True(_checkpoint.Build().Written);
    }

    [Theory]
    [InlineData("preprocessor_config.json", "preprocessor_config.json")]
    [InlineData("tokenizer.json", "SigLIP 2")]
    [InlineData("model.safetensors", "safetensors")]
    public void A_missing_file_is_named(string file, string named)
    {
        File.Delete(_checkpoint.PathOf(file));

        Refused(named);
    }

    [Fact]
    public void A_vocabulary_that_is_larger_than_the_table_is_refused()
    {
        var token = JsonNode.Parse("""{"id": 1999999, "content": "<one_more>", "normalized": false}""");
        _checkpoint.Edit("tokenizer.json", json => json["added_tokens"]!.AsArray().Add(token));
        _checkpoint.Build();

        var refusal = Assert.Throws<InferenceException>(() => ClipScorer.Load(_checkpoint.Folder, new ClipScorerOptions()));
        Assert.Contains("2000000 ids", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tokenizer_for_fewer_places_is_refused()
    {
        _checkpoint.Edit("tokenizer_config.json", json => json["model_max_length"] = 7);
        _checkpoint.Build();

        var refusal = Assert.Throws<InferenceException>(() => ClipScorer.Load(_checkpoint.Folder, new ClipScorerOptions()));
        Assert.Contains("model_max_length", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_means_nothing_to_SigLIP_is_refused()
    {
        var clamp = Assert.Throws<CheckpointException>(() => _checkpoint.Build(new BuildOptions { Clamp = Clamp.On }));
        var half = Assert.Throws<CheckpointException>(() => _checkpoint.Build(new BuildOptions { Precision = GraphPrecision.Mixed }));

        Assert.Contains("clamp", clamp.Message, StringComparison.Ordinal);
        Assert.Contains("float32", half.Message, StringComparison.Ordinal);
    }

    private void Refused(params string[] parts)
    {
        var message = Assert.Throws<CheckpointException>(() => _checkpoint.Build()).Message;

        Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
        Assert.DoesNotContain('\n', message);
    }

    private static void Merge(JsonObject into, JsonObject changes)
    {
        foreach (var (key, value) in changes)
        {
            if (value is JsonObject section && into[key] is JsonObject there)
                Merge(there, section);
            else
                into[key] = value?.DeepClone();
        }
    }
}
