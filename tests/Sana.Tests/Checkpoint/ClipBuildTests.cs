using System.Text.Json.Nodes;
using Sana.GraphBuilder;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Checkpoint;

/// <summary>When the graphs of a CLIP checkpoint are written, what they say, and which forms of its configs are taken.</summary>
public sealed class ClipBuildTests : IDisposable
{
    private const string Preprocessor = "preprocessor_config.json";
    private readonly BuiltClip _checkpoint = new();
    private readonly int _side = ClipReference.Json.GetProperty("image_size").GetInt32();

    public void Dispose() => _checkpoint.Dispose();

    [Fact]
    public void Both_towers_are_built_once()
    {
        var (first, second) = (_checkpoint.Build(), _checkpoint.Build());

        Assert.Equal((true, false), (first.Written, second.Written));
        Assert.Equal(["vision_model.onnx", "text_model.onnx"], first.Graphs.Select(graph => graph.File));
        Assert.Equal(first.Graphs, second.Graphs);
        Assert.True(_checkpoint.Build(new BuildOptions { Force = true }).Written);
    }

    [Fact]
    public void Each_graph_says_what_scoring_needs()
    {
        foreach (var graph in _checkpoint.Build().Graphs)
        {
            using var network = OnnxModel.Load(_checkpoint.PathOf(graph.File), new OnnxModelOptions(Device.Cpu, 1, KeepMemory: false));
            Approve.Text("Contract-clip-metadata", string.Concat(network.Metadata.Keys.Order(StringComparer.Ordinal).Select(key => $"{key}\n")));
        }
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("preprocessor_config.json")]
    [InlineData("vocab.json")]
    [InlineData("tokenizer_config.json")]
    public void A_changed_file_is_another_checkpoint(string file)
    {
        var before = _checkpoint.Build();
        File.AppendAllText(_checkpoint.PathOf(file), " ");

        var after = _checkpoint.Build();

        Assert.True(after.Written);
        Assert.NotEqual(before.Fingerprint, after.Fingerprint);
    }

    [Fact]
    public void A_truncated_graph_is_built_again()
    {
        _checkpoint.Build();
        using (var file = File.OpenWrite(_checkpoint.PathOf("text_model.onnx")))
        {
            file.SetLength(file.Length - 1);
        }

        Assert.True(_checkpoint.Build().Written);
    }

    [Fact]
    public void The_new_form_of_the_sizes_says_the_same()
    {
        using var before = _checkpoint.Scorer();
        var pixels = ClipReference.Decode(0);
        Edit(json => (json["size"], json["crop_size"]) =
            (new JsonObject { ["shortest_edge"] = _side }, new JsonObject { ["height"] = _side, ["width"] = _side }));

        Assert.True(_checkpoint.Build().Written);
        using var after = _checkpoint.Scorer();

        Assert.Equal(before.EmbedImages([pixels])[0], after.EmbedImages([pixels])[0]);
    }

    [Fact]
    public void A_larger_edge_than_the_crop_cuts_more_away()
    {
        using var before = _checkpoint.Scorer();
        Edit(json => (json["size"], json["crop_size"]) = (2 * _side, _side));
        using var after = _checkpoint.Scorer();

        Assert.NotEqual(before.EmbedImages([ClipReference.Decode(0)])[0], after.EmbedImages([ClipReference.Decode(0)])[0]);
    }

    [Theory]
    [InlineData("do_resize", "false")]
    [InlineData("do_center_crop", "false")]
    [InlineData("do_rescale", "false")]
    [InlineData("do_normalize", "false")]
    [InlineData("do_convert_rgb", "false")]
    [InlineData("resample", "2")]
    [InlineData("size", "1")]
    [InlineData("size", "\"small\"")]
    [InlineData("size", "{\"height\": 224, \"width\": 224}")]
    [InlineData("crop_size", "7")]
    [InlineData("crop_size", "{\"height\": 7, \"width\": 9}")]
    [InlineData("crop_size", "[7, 7]")]
    [InlineData("rescale_factor", "0")]
    [InlineData("image_mean", "[0.5, 0.5]")]
    [InlineData("image_mean", "[0.5, 0.5, \"x\"]")]
    [InlineData("image_std", "[0.5, 0, 0.5]")]
    [InlineData("image_processor_type", "\"SiglipImageProcessor\"")]
    public void Another_way_to_prepare_images_is_refused_by_key(string key, string value)
    {
        Edit(json => json[key] = JsonNode.Parse(value));

        var refusal = Assert.Throws<CheckpointException>(() => _checkpoint.Build());

        Assert.Contains(Preprocessor, refusal.Message, StringComparison.Ordinal);
        Assert.Contains(key, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_files_are_named()
    {
        File.Delete(_checkpoint.PathOf(Preprocessor));
        Assert.Contains(Preprocessor, Assert.Throws<CheckpointException>(() => _checkpoint.Build()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Pickled_weights_alone_are_refused_with_the_fix()
    {
        File.Move(_checkpoint.PathOf("model.safetensors"), _checkpoint.PathOf("pytorch_model.bin"));

        Assert.Contains("save_pretrained", Assert.Throws<CheckpointException>(() => _checkpoint.Build()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_means_nothing_to_CLIP_is_refused()
    {
        Assert.Contains("clamp", Assert.Throws<CheckpointException>(() => _checkpoint.Build(new BuildOptions { Clamp = Clamp.On })).Message, StringComparison.Ordinal);
        Assert.Contains("float32", Assert.Throws<CheckpointException>(() => _checkpoint.Build(new BuildOptions { Precision = GraphPrecision.Mixed })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Links_into_a_cache_are_built_and_give_the_same()
    {
        using var plain = _checkpoint.Scorer();
        using var cache = new TempFolder();
        var snapshot = Directory.CreateDirectory(Path.Combine(cache.Path, "models--openai--clip-vit-large-patch14", "snapshots", "32bd64")).FullName;
        var blobs = Directory.CreateDirectory(Path.Combine(cache.Path, "models--openai--clip-vit-large-patch14", "blobs")).FullName;
        foreach (var file in Directory.EnumerateFiles(_checkpoint.Folder).Where(file => !file.EndsWith(".onnx", StringComparison.Ordinal)))
        {
            var blob = Path.Combine(blobs, Guid.NewGuid().ToString("N"));
            File.Copy(file, blob);
            File.CreateSymbolicLink(Path.Combine(snapshot, Path.GetFileName(file)), Path.GetRelativePath(snapshot, blob));
        }

        ClipCheckpoint.Build(snapshot, new BuildOptions());
        using var linked = Inference.Clip.ClipScorer.Load(snapshot, new Inference.Clip.ClipScorerOptions { Threads = 1 });

        Assert.Equal("openai-vit-l-14", linked.Name);
        Assert.Equal(plain.Fingerprint, linked.Fingerprint);
        Assert.Equal(plain.EmbedTexts(["a cat"])[0], linked.EmbedTexts(["a cat"])[0]);
    }

    [Fact]
    public void A_summary_tells_both_towers()
    {
        var summary = ClipCheckpoint.Describe(_checkpoint.Folder);

        Assert.Equal((_side, _checkpoint.Build().Fingerprint), (summary.ImageSize, summary.Fingerprint));
        Assert.Equal(["vision_model", "text_model"], summary.Towers.Select(tower => tower.Name));
        Assert.All(summary.Towers, tower => Assert.InRange(tower.Parameters, 1, summary.Bytes / 4));
        Assert.True(ClipCheckpoint.IsIn(_checkpoint.Folder));
        Assert.False(ClipCheckpoint.IsIn(Path.Combine(Fixtures.Sana, "checkpoints", BuiltCheckpoint.Plain)));
    }

    private void Edit(Action<JsonObject> edit)
    {
        var json = JsonNode.Parse(File.ReadAllText(_checkpoint.PathOf(Preprocessor)))!.AsObject();
        edit(json);
        File.WriteAllText(_checkpoint.PathOf(Preprocessor), json.ToJsonString());
    }
}
