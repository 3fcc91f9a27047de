using System.Text.Json.Nodes;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Configs;
using Sana.Inference.Captioning;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Checkpoint;

/// <summary>When the graphs of a captioner are written, what they say, and which forms of its files are taken.</summary>
public sealed class CaptionerBuildTests : IDisposable
{
    private readonly TinyCaptioner _tiny = new();

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public void Both_graphs_are_built_once()
    {
        var (first, second) = (Build(), Build());

        Assert.Equal((true, false), (first.Written, second.Written));
        Assert.Equal(["encoder_model.onnx", "decoder_model.onnx"], first.Graphs.Select(graph => graph.File));
        Assert.True(CaptionerCheckpoint.IsIn(_tiny.Folder));
        Assert.True(CaptionerCheckpoint.Build(_tiny.Folder, new BuildOptions { Force = true }).Written);
    }

    [Fact]
    public void Each_graph_says_what_captioning_needs()
    {
        foreach (var graph in Build().Graphs)
        {
            using var network = OnnxModel.Load(_tiny.File(graph.File), new OnnxModelOptions(Device.Cpu, 1, KeepMemory: false));
            Approve.Text("Contract-captioner-metadata", string.Concat(network.Metadata.Keys.Order(StringComparer.Ordinal).Select(key => $"{key}\n")));
        }
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("preprocessor_config.json")]
    [InlineData("generation_config.json")]
    [InlineData("vocab.json")]
    public void A_changed_file_is_another_checkpoint(string file)
    {
        var before = Build();
        File.AppendAllText(_tiny.File(file), " ");

        var after = Build();

        Assert.True(after.Written);
        Assert.NotEqual(before.Fingerprint, after.Fingerprint);
    }

    [Theory]
    [InlineData("decoder.lm_head.weight")] // only the head's name, as some tools save it
    [InlineData("decoder.transformer.wte.weight")]
    public void A_tied_table_is_found_under_either_name(string name)
    {
        var expected = Caption();
        _tiny.Rewrite(tensor => tensor == "decoder.transformer.wte.weight" ? name : tensor);

        Assert.Equal(expected, Caption());
    }

    [Fact]
    public void What_no_network_asks_for_is_left_alone()
    {
        var names = CaptionerTensors.All(_tiny.Loaded, _tiny.Tables).Select(tensor => (tensor.Name, tensor.Shape)).ToList();
        names.Add(("encoder.pooler.dense.weight", [12, 12]));
        names.Add(("decoder.transformer.h.0.attn.bias", [1, 1, 40, 40]));
        File.WriteAllBytes(_tiny.File("model.safetensors"), SafetensorsBytes.Of([.. names]));

        Assert.True(Build().Written);
    }

    [Fact]
    public void An_untied_head_has_to_be_there()
    {
        _tiny.Change("config.json", json => json["decoder"]!["tie_word_embeddings"] = false);

        Assert.Contains("no tensor 'decoder.lm_head.weight' of shape [300, 8]", Refusal(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("encoder.encoder.layer.1.attention.attention.key.bias")]
    [InlineData("enc_to_dec_proj.weight")]
    [InlineData("decoder.transformer.h.1.crossattention.q_attn.weight")]
    [InlineData("decoder.transformer.wpe.weight")]
    public void A_missing_tensor_is_named(string name)
    {
        _tiny.Rewrite(tensor => tensor == name ? null : tensor);

        Assert.Contains($"no tensor '{name}'", Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void Products_stored_the_usual_way_round_are_refused()
    {
        var names = CaptionerTensors.All(_tiny.Loaded, _tiny.Tables).Select(tensor => (tensor.Name, tensor.Name.EndsWith("h.0.mlp.c_fc.weight", StringComparison.Ordinal) ? [32, 8] : tensor.Shape));
        File.WriteAllBytes(_tiny.File("model.safetensors"), SafetensorsBytes.Of([.. names]));

        Assert.Contains("has shape [32, 8], but its config.json implies [8, 32]", Refusal(), StringComparison.Ordinal);
    }

    public static TheoryData<string, string, string> Unusable => new()
    {
        { "encoder.model_type", "\"swin\"", "encoder.model_type" },
        { "encoder.model_type", "null", "encoder.model_type" },
        { "encoder.num_attention_heads", "5", "a divisor of hidden_size 12" },
        { "encoder.num_hidden_layers", "1000000000", "from 1 to 512" },
        { "encoder.num_hidden_layers", "512", "no tensor 'encoder.encoder.layer.2.layernorm_before.weight'" },
        { "encoder.image_size", "[13, 13]", "encoder.image_size" },
        { "encoder.image_size", "2", "encoder.patch_size" },
        { "encoder.num_channels", "1", "encoder.num_channels" },
        { "encoder.hidden_act", "\"selu\"", "encoder.hidden_act" },
        { "decoder.model_type", "\"bert\"", "decoder.model_type" },
        { "decoder.n_layer", "1000000000", "from 1 to 512" },
        { "decoder.n_layer", "512", "no tensor 'decoder.transformer.h.2.ln_1.weight'" },
        { "decoder.n_head", "3", "a divisor of n_embd 8" },
        { "decoder.n_inner", "31", "[8, 31]" },
        { "decoder.vocab_size", "2000000", "[2000000, 8]" },
        { "decoder.activation_function", "\"swish\"", "decoder.activation_function" },
        { "decoder.add_cross_attention", "false", "true, the only form" },
        { "decoder.scale_attn_by_inverse_layer_idx", "true", "false, the only form" },
        { "decoder.cross_attention_hidden_size", "12", "null, or equal to" },
        { "decoder.layer_norm_epsilon", "NaN", "decoder.layer_norm_epsilon" },
        { "decoder", "7", "an object" },
        { "model_type", "\"blip\"", "vision-encoder-decoder" },
    };

    [Theory, MemberData(nameof(Unusable))]
    public void A_config_that_cannot_be_built_is_refused_by_key(string key, string value, string expected)
    {
        _tiny.Change("config.json", json => Set(json, key, "@"));
        var file = _tiny.File("config.json");
        File.WriteAllText(file, File.ReadAllText(file).Replace("\"@\"", value, StringComparison.Ordinal));

        Assert.Contains(expected, Refusal(), StringComparison.Ordinal);
    }

    public static TheoryData<string, string, string, string> UnusableSettings => new()
    {
        { "preprocessor_config.json", "image_processor_type", "\"CLIPImageProcessor\"", "ViTImageProcessor" },
        { "preprocessor_config.json", "size", "224", "encoder.image_size 13" },
        { "preprocessor_config.json", "size", """{"height": 13, "width": 12}""", "size.width" },
        { "preprocessor_config.json", "size", """{"shortest_edge": 13}""", "size.height" },
        { "preprocessor_config.json", "resample", "1", "from 2 to 3" },
        { "preprocessor_config.json", "do_normalize", "false", "true, the only form" },
        { "preprocessor_config.json", "image_std", "[0, 1, 1]", "image_std" },
        { "generation_config.json", "eos_token_id", "300", "from 0 to 299" },
        { "generation_config.json", "eos_token_id", "[]", "1 to 16" },
        { "generation_config.json", "decoder_start_token_id", "-1", "from 0 to 299" },
        { "generation_config.json", "max_length", "1", "from 2" },
    };

    [Theory, MemberData(nameof(UnusableSettings))]
    public void Settings_that_cannot_be_followed_are_refused_by_key(string file, string key, string value, string expected)
    {
        _tiny.Change(file, json => json[key] = JsonNode.Parse(value));

        var refusal = Refusal();

        Assert.Contains(file, refusal, StringComparison.Ordinal);
        Assert.Contains(expected, refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void Older_files_say_the_same_in_other_words()
    {
        var expected = Caption();
        _tiny.Write("preprocessor_config.json", JsonNode.Parse("""{"feature_extractor_type": "ViTFeatureExtractor", "size": 13, "resample": 2, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}""")!);
        File.Delete(_tiny.File("generation_config.json"));
        _tiny.Change("config.json", json =>
        {
            json["decoder_start_token_id"] = TinyCaptioner.EndId;
            json["decoder"]!["eos_token_id"] = TinyCaptioner.EndId;
            json["decoder"]!["max_length"] = 30;
        });

        Assert.Equal(expected, Caption());
    }

    [Fact]
    public void Weights_of_the_older_format_alone_are_refused_with_the_fix()
    {
        File.Move(_tiny.File("model.safetensors"), _tiny.File("pytorch_model.bin"));

        Assert.Contains("save_pretrained", Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_in_it_is_said()
    {
        var summary = CaptionerCheckpoint.Describe(_tiny.Folder);

        Assert.Equal((13, 300, 29, "F32"), (summary.ImageSize, summary.VocabSize, summary.MaxTokens, summary.StoredAs));
        Assert.Equal(["encoder", "decoder"], summary.Networks.Select(network => network.Name));
        Assert.Equal(new FileInfo(_tiny.File("model.safetensors")).Length, summary.Bytes);
    }

    private static void Set(JsonNode json, string key, string value)
    {
        var path = key.Split('.');
        foreach (var part in path[..^1]) json = json[part]!;
        json[path[^1]] = value;
    }

    [Fact]
    public async Task Many_may_build_the_same_captioner_at_once()
    {
        using var start = new Barrier(8);

        var reports = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Factory.StartNew(
            () =>
            {
                start.SignalAndWait(TestContext.Current.CancellationToken);
                return Enumerable.Range(0, 5).Select(_ => CaptionerCheckpoint.Build(_tiny.Folder, new BuildOptions { Force = true })).Last();
            },
            TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default)));

        Assert.Single(reports.Select(report => report.Fingerprint).Distinct());
        Assert.False(Build().Written);
        Assert.Empty(Directory.EnumerateFiles(_tiny.Folder, "*.tmp", SearchOption.AllDirectories));
    }

    private BuildReport Build() => CaptionerCheckpoint.Build(_tiny.Folder, new BuildOptions());

    private string Refusal() => Assert.Throws<CheckpointException>(Build).Message;

    private string Caption()
    {
        using var network = _tiny.Network();
        return network.Generate([TinyCaptioner.Image(1)], new GenerationOptions())[0].Text;
    }
}
