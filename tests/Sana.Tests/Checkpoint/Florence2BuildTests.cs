using System.Text.Json.Nodes;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Safetensors;
using Sana.Inference;
using Sana.Inference.Captioning;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Checkpoint;

/// <summary>When the graphs of a Florence-2 checkpoint are written, what they say, and which forms of its files are taken or refused in one sentence.</summary>
public sealed class Florence2BuildTests : IDisposable
{
    private const string Shared = "model.language_model.shared.weight";
    private readonly BuiltFlorence _checkpoint = new();

    public void Dispose() => _checkpoint.Dispose();

    [Fact]
    public void Both_graphs_are_built_once_and_say_what_captioning_needs()
    {
        var (first, second) = (_checkpoint.Build(), _checkpoint.Build());

        Assert.Equal((true, false), (first.Written, second.Written));
        Assert.Equal(["encoder_model.onnx", "decoder_model.onnx"], first.Graphs.Select(graph => graph.File));
        Assert.True(CaptionerCheckpoint.IsIn(_checkpoint.Folder));
        foreach (var graph in first.Graphs)
        {
            using var network = OnnxModel.Load(_checkpoint.PathOf(graph.File), new OnnxModelOptions(Device.Cpu, 1, KeepMemory: false));
            Approve.Text("Contract-florence2-metadata", string.Concat(network.Metadata.Keys.Order(StringComparer.Ordinal).Select(key => $"{key}\n")));
        }
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("preprocessor_config.json")]
    [InlineData("generation_config.json")]
    [InlineData("tokenizer.json")]
    public void A_changed_file_is_another_checkpoint(string file)
    {
        var before = _checkpoint.Build();
        File.AppendAllText(_checkpoint.PathOf(file), " ");

        Assert.NotEqual(before.Fingerprint, _checkpoint.Build().Fingerprint);
    }

    [Fact, Trait("Category", "Parity")]
    public void The_config_implies_exactly_the_tensors_of_the_file()
    {
        var weights = SafetensorsWeights.Open(FlorenceReference.Checkpoint, "model");
        var config = Florence2Config.Load(Path.Combine(FlorenceReference.Checkpoint, "config.json"), Path.Combine(FlorenceReference.Checkpoint, "generation_config.json"), "fixture");
        var expected = Florence2Tensors.All(config, Florence2Tensors.Tables(weights, config.TieWordEmbeddings), weights);

        Assert.Equal(weights.Entries.Select(entry => entry.Name).Order(StringComparer.Ordinal), expected.Select(tensor => tensor.Name).Order(StringComparer.Ordinal));
        weights.Require(expected);
    }

    [Fact]
    public void A_summary_tells_networks_tasks_and_memory()
    {
        var summary = CaptionerCheckpoint.Describe(_checkpoint.Folder);
        using var network = _checkpoint.Network();

        Assert.Equal(("Florence-2", network.Fingerprint, network.MaxTokens, 3), (summary.Family, summary.Fingerprint, summary.MaxTokens, summary.Beams));
        Assert.Equal(["vision_tower", "projector", "encoder", "decoder"], summary.Networks.Select(part => part.Name));
        Assert.Equal(GenerationOptions.Tasks, summary.Tasks);
        Assert.True(summary.ImageBytes > 0 && summary.CaptionBytes > summary.ImageBytes);
    }

    /// <summary>A missing projector, another window's bias, a layer.</summary>
    [Theory]
    [InlineData("model.multi_modal_projector.image_projection.weight")]
    [InlineData("model.multi_modal_projector.visual_temporal_embed.pos_idx_to_embed")]
    [InlineData("model.vision_tower.blocks.0.0.spatial_block.window_attn.qkv.bias")]
    [InlineData("model.vision_tower.convs.1.norm.weight")]
    [InlineData("model.language_model.decoder.layers.0.encoder_attn.q_proj.weight")]
    [InlineData(Shared)]
    public void A_missing_tensor_is_named(string name)
    {
        _checkpoint.EditWeights(tensor => tensor.Name == name ? null : tensor);

        Refused($"no tensor '{name}'");
    }

    [Theory]
    [InlineData(Shared)]
    [InlineData("model.language_model.encoder.embed_positions.weight")]
    [InlineData("model.multi_modal_projector.image_position_embed.row_embeddings.weight")]
    public void A_tensor_that_is_one_row_short_is_named(string name)
    {
        _checkpoint.EditWeights(tensor => tensor.Name == name
            ? tensor with { Shape = [tensor.Shape[0] - 1, tensor.Shape[1]], Bytes = tensor.Bytes[..^(int)(4 * tensor.Shape[1])] }
            : tensor);

        Refused($"'{name}'", "has shape [", "implies [");
    }

    [Fact]
    public void A_vocabulary_that_is_one_short_is_refused()
    {
        _checkpoint.Edit("tokenizer.json", json => json["added_tokens"]!.AsArray().RemoveAt(json["added_tokens"]!.AsArray().Count - 1));

        Assert.Contains("has no token ", Assert.Throws<InferenceException>(() => _checkpoint.Network()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_vocabulary_that_is_larger_than_the_table_is_refused()
    {
        _checkpoint.Edit("tokenizer.json", json => json["added_tokens"]!.AsArray().Add(JsonNode.Parse("""{"id": 1999999, "content": "<more>", "special": true}""")));

        Assert.Contains("2000000 ids", Assert.Throws<InferenceException>(() => _checkpoint.Network()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tied_head_is_the_shared_table_whatever_else_the_file_has()
    {
        var expected = Caption(_checkpoint);
        _checkpoint.EditWeights(tensor => tensor.Name == Shared ? tensor with { Name = "model.language_model.encoder.embed_tokens.weight" } : tensor);

        Assert.Equal(expected, Caption(_checkpoint));
    }

    [Fact]
    public void An_untied_head_has_to_be_there()
    {
        _checkpoint.Edit("config.json", json => json["tie_word_embeddings"] = false);

        Refused("no tensor 'lm_head.weight'");
    }

    [Theory]
    [InlineData("""{"vision_config": {"model_type": "davit"}}""")]
    [InlineData("""{"auto_map": {"AutoConfig": "configuration_florence2.Florence2Config"}}""")]
    public void Microsofts_layout_is_refused_with_the_repository_that_works(string changes)
    {
        using var large = new BuiltFlorence("Florence-2-large-ft");
        large.Edit("config.json", json => Merge(json, JsonNode.Parse(changes)!.AsObject()));

        var refusal = Assert.Throws<CheckpointException>(() => large.Build()).Message;
        Assert.Contains("use florence-community/Florence-2-large-ft, ", refusal, StringComparison.Ordinal);
        Assert.Contains("use florence-community/Florence-2-base,", Assert.Throws<CheckpointException>(() => CheckpointFiles.Choose(
            "microsoft/Florence-2-base", ["config.json", "modeling_florence2.py", "pytorch_model.bin"], null, _ => false)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Microsofts_tensors_are_refused_alike()
    {
        _checkpoint.EditWeights(tensor => tensor.Name.EndsWith("image_projection.weight", StringComparison.Ordinal) ? tensor with { Name = "image_projection" } : tensor);

        Refused("use florence-community/Florence-2-base");
    }

    [Theory]
    [InlineData("do_center_crop", "true", "false, the only form")]
    [InlineData("do_center_crop", "null", "false, the only form")]
    [InlineData("size", """{"height": 64, "width": 32}""", "size.width")]
    [InlineData("size", """{"height": 2000, "width": 2000}""", "image_seq_length")]
    [InlineData("image_seq_length", "577", "the tokens of an image of")]
    [InlineData("resample", "0", "from 2 to 3")]
    [InlineData("do_rescale", "false", "do_rescale")]
    [InlineData("image_processor_type", "\"ViTImageProcessor\"", "CLIPImageProcessor")]
    public void Another_way_to_prepare_images_is_refused_by_key(string key, string value, string expected)
    {
        _checkpoint.Edit("preprocessor_config.json", json => json[key] = JsonNode.Parse(value));

        Refused("preprocessor_config.json", expected);
    }

    [Fact]
    public void An_image_whose_map_has_no_positions_is_refused()
    {
        _checkpoint.Edit("preprocessor_config.json", json => (json["size"], json["image_seq_length"]) = (JsonNode.Parse("""{"height": 4096, "width": 4096}"""), null));

        Refused("max_position_embeddings", "4096 pixels");
    }

    [Fact]
    public void The_processor_may_be_a_section_of_another_file()
    {
        var expected = Caption(_checkpoint);
        File.Delete(_checkpoint.PathOf("preprocessor_config.json"));

        Assert.Equal(expected, Caption(_checkpoint));
    }

    [Fact]
    public void A_missing_tokenizer_is_named()
    {
        File.Delete(_checkpoint.PathOf("tokenizer.json"));

        Refused("tokenizer.json");
    }

    private static string Caption(BuiltFlorence checkpoint)
    {
        using var network = checkpoint.Network();
        return string.Join(' ', network.Generate([TinyCaptioner.Image(1, 50, 40)], new GenerationOptions { MaxTokens = 12 })[0].Ids);
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
