using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Sana.GraphBuilder;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Checkpoint;

/// <summary>When graphs are written, and when those that are there will do.</summary>
public sealed class BuildTests : IDisposable
{
    private const string Record = "sana.build.json";
    private readonly BuiltCheckpoint _checkpoint = BuiltCheckpoint.Copy(BuiltCheckpoint.Plain);

    public void Dispose() => _checkpoint.Dispose();

    [Fact]
    public void A_second_build_writes_nothing()
    {
        var first = _checkpoint.Build();
        var before = Times();

        var second = _checkpoint.Build();

        Assert.Equal((true, false), (first.Written, second.Written));
        Assert.Equal(first.Graphs, second.Graphs);
        Assert.Equal(before, Times());
    }

    [Fact]
    public void Every_graph_says_what_running_the_checkpoint_needs()
    {
        var graphs = _checkpoint.Build().Graphs;

        foreach (var graph in graphs)
        {
            using var network = OnnxModel.Load(_checkpoint.PathOf(graph.File), new OnnxModelOptions(Device.Cpu, 1, KeepMemory: false));
            Approve.Text("Contract-metadata", string.Concat(network.Metadata.Keys.Order(StringComparer.Ordinal).Select(key => $"{key}\n")));
        }
    }

    [Fact]
    public void The_encoder_of_the_autoencoder_is_not_built() => Assert.Equal(
        ["text_encoder/model.onnx", "transformer/conditioning.onnx", "transformer/model.onnx", "vae/decoder.onnx"], _checkpoint.Build().Graphs.Select(graph => graph.File));

    [Fact]
    public void Force_writes_again()
    {
        _checkpoint.Build();

        Assert.True(_checkpoint.Build(new BuildOptions { Force = true }).Written);
    }

    [Theory]
    [InlineData("\"graph_version\": 1")]
    [InlineData("\"unknown\": 0")]
    public void Graphs_of_another_version_of_the_program_are_built_again(string version)
    {
        _checkpoint.Build();
        _checkpoint.Build(new BuildOptions { Extended = true });
        var record = _checkpoint.PathOf(Record);
        File.WriteAllText(record, Regex.Replace(File.ReadAllText(record), "\"graph_version\": \\d+", version));

        Assert.True(_checkpoint.Build().Written);
        Assert.True(_checkpoint.Build(new BuildOptions { Extended = true }).Written);
        Assert.False(_checkpoint.Build(new BuildOptions { Extended = true }).Written);
    }

    [Fact]
    public void Graphs_beside_those_of_a_forced_build_are_written_again_when_they_are_needed()
    {
        _checkpoint.Build(new BuildOptions { Extended = true });
        _checkpoint.Build(new BuildOptions { Force = true });

        Assert.False(_checkpoint.Build().Written);
        Assert.True(_checkpoint.Build(new BuildOptions { Extended = true }).Written);
    }

    [Fact]
    public void A_changed_config_is_built_again()
    {
        var before = _checkpoint.Build();
        var scheduler = _checkpoint.PathOf("scheduler/scheduler_config.json");
        File.AppendAllText(scheduler, " ");

        var after = _checkpoint.Build();

        Assert.True(after.Written);
        Assert.NotEqual(before.Fingerprint, after.Fingerprint);
    }

    [Theory]
    [InlineData("transformer/diffusion_pytorch_model.safetensors")]
    [InlineData("vae/diffusion_pytorch_model.safetensors")]
    public void Other_weights_of_the_same_shapes_are_another_checkpoint(string weights)
    {
        var before = _checkpoint.Build();
        _checkpoint.Change(weights, SafetensorsReader.Open(_checkpoint.PathOf(weights)).Names.Last(), weight => weight * 1.001f);

        var after = _checkpoint.Build();

        Assert.True(after.Written);
        Assert.NotEqual(before.Fingerprint, after.Fingerprint);
    }

    [Fact]
    public void What_a_build_was_asked_for_is_remembered()
    {
        _checkpoint.Build(new BuildOptions { Precision = GraphPrecision.W8A8, Clamp = Clamp.On });

        var again = _checkpoint.Build();

        Assert.False(again.Written);
        Assert.Contains(again.Graphs, graph => graph.File == "transformer/model.w8a8.onnx");
    }

    [Fact]
    public void Another_precision_stands_beside_and_has_a_fingerprint_of_its_own()
    {
        var float32 = _checkpoint.Build();
        var eightBits = _checkpoint.Build(new BuildOptions { Precision = GraphPrecision.W8A8 });

        Assert.Equal(float32.Fingerprint, eightBits.Fingerprint);
        Assert.NotEqual(float32.Metadata["fingerprint"], eightBits.Metadata["fingerprint"]);
        Assert.Equal(("float32", "w8a8"), (float32.Metadata["precision"], eightBits.Metadata["precision"]));
        Assert.False(_checkpoint.Build().Written);
        Assert.False(_checkpoint.Build(new BuildOptions { Precision = GraphPrecision.W8A8 }).Written);
    }

    [Fact]
    public void Weights_in_eight_bits_are_the_same_bytes_again_and_are_written_again_when_they_were_cut()
    {
        const string data = "transformer/model.w8a8.onnx.data";
        _checkpoint.Build(new BuildOptions { Precision = GraphPrecision.W8A8 });
        var bytes = File.ReadAllBytes(_checkpoint.PathOf(data));
        File.WriteAllBytes(_checkpoint.PathOf(data), bytes[..^1]);

        Assert.True(_checkpoint.Build(new BuildOptions { Precision = GraphPrecision.W8A8 }).Written);

        Assert.Equal(bytes, File.ReadAllBytes(_checkpoint.PathOf(data)));
        Assert.Empty(Directory.EnumerateFiles(_checkpoint.Folder, "*.tmp", SearchOption.AllDirectories));
    }

    [Fact]
    public void Weights_that_are_no_numbers_are_refused_in_eight_bits()
    {
        _checkpoint.Change("transformer/diffusion_pytorch_model.safetensors", "transformer_blocks.0.attn1.to_q.weight", _ => float.NaN);

        var refusal = Assert.Throws<CheckpointException>(() => _checkpoint.Build(new BuildOptions { Precision = GraphPrecision.W8A8 }));

        Assert.Contains("transformer_blocks.0.attn1.to_q.weight", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("use precision float32", refusal.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(_checkpoint.Folder, "*.tmp", SearchOption.AllDirectories));
    }

    [Fact]
    public void Another_answer_to_what_was_asked_is_built()
    {
        _checkpoint.Build(new BuildOptions { Clamp = Clamp.On });

        Assert.True(_checkpoint.Build(new BuildOptions { Clamp = Clamp.Off }).Written);
        Assert.False(_checkpoint.Build().Written);
    }

    [Fact]
    public void A_build_that_died_before_its_record_starts_over()
    {
        _checkpoint.Build();
        File.Delete(_checkpoint.PathOf(Record));
        File.Delete(_checkpoint.PathOf("vae/decoder.onnx"));
        File.WriteAllText(_checkpoint.PathOf("vae/decoder.onnx.1.tmp"), "half");

        Assert.True(_checkpoint.Build().Written);
        Assert.True(CanGenerate());
    }

    [Theory]
    [InlineData("vae/decoder.onnx")]
    [InlineData("transformer/conditioning.onnx")]
    public void A_truncated_graph_is_built_again(string graph)
    {
        _checkpoint.Build();
        using (var file = File.OpenWrite(_checkpoint.PathOf(graph)))
        {
            file.SetLength(file.Length - 1);
        }

        Assert.True(_checkpoint.Build().Written);
        Assert.True(CanGenerate());
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[1]")]
    [InlineData("{}")]
    [InlineData("{\"graphs\":[null],\"clamp\":99}")]
    [InlineData("{\"fingerprint\":7")]
    public void A_damaged_record_is_as_good_as_none(string text)
    {
        _checkpoint.Build();
        File.WriteAllText(_checkpoint.PathOf(Record), text);

        Assert.True(_checkpoint.Build().Written);
        Assert.False(_checkpoint.Build().Written);
    }

    [Theory]
    [InlineData("graphs")]
    [InlineData("weights")]
    public void A_record_whose_lists_hold_nothing_is_as_good_as_none(string list)
    {
        _checkpoint.Build();
        var record = JsonNode.Parse(File.ReadAllText(_checkpoint.PathOf(Record)))!.AsObject();
        record[list] = new JsonArray([null]);
        File.WriteAllText(_checkpoint.PathOf(Record), record.ToJsonString());

        Assert.True(_checkpoint.Build().Written);
    }

    [Fact]
    public void A_place_that_cannot_be_written_is_refused_with_the_fix()
    {
        Directory.CreateDirectory(_checkpoint.PathOf("transformer/model.onnx/in-the-way"));

        var refusal = Assert.Throws<CheckpointException>(() => _checkpoint.Build());

        Assert.Contains("Name another folder for graphs by --graphs", refusal.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(_checkpoint.Folder, "*.tmp", SearchOption.AllDirectories));
    }

    [Fact]
    public void A_variant_that_only_the_transformer_has_is_taken_there_and_the_plain_sets_elsewhere()
    {
        var plain = _checkpoint.PathOf("transformer/diffusion_pytorch_model.safetensors");
        File.Copy(plain, _checkpoint.PathOf("transformer/diffusion_pytorch_model.fp16.safetensors"));

        var options = new BuildOptions { Variant = "fp16" };
        var (chosen, files) = (_checkpoint.Build(options), SanaFiles.Open(_checkpoint.Folder, options));

        Assert.True(chosen.Written);
        Assert.Equal("diffusion_pytorch_model.fp16.safetensors", Path.GetFileName(Assert.Single(files.TransformerWeights.Files).Path));
        Assert.All([.. files.TextEncoderWeights.Files, .. files.AutoencoderWeights.Files], file => Assert.DoesNotContain("fp16", Path.GetFileName(file.Path), StringComparison.Ordinal));
        File.Delete(plain); // what was chosen is remembered, and nothing points to the other set
        Assert.False(_checkpoint.Build().Written);
        Assert.True(CanGenerate());
    }

    [Fact]
    public void A_variant_that_is_not_there_is_refused_with_what_is()
    {
        var refusal = Assert.Throws<CheckpointException>(() => _checkpoint.Build(new BuildOptions { Variant = "bf16" }));

        Assert.Contains("no weights of variant 'bf16'; there is diffusion_pytorch_model.safetensors", refusal.Message, StringComparison.Ordinal);
    }

    private (string File, DateTime Written)[] Times() =>
        [.. Directory.EnumerateFiles(_checkpoint.Folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(file => (file, File.GetLastWriteTimeUtc(file)))];

    private bool CanGenerate()
    {
        using var pipeline = SanaPipeline.Load(_checkpoint.Folder, new PipelineOptions { Threads = 1 });
        var options = new GenerateOptions { Width = 64, Height = 64, Steps = 1, UseResolutionBinning = false };
        return pipeline.Generate([new ImageRequest("a red house", Seed: 1)], options)[0].Failure is null;
    }
}
