using System.Text.Json.Nodes;
using Sana.GraphBuilder;
using Sana.Inference.Diffusion;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Checkpoint;

public sealed class GraphsFolderTests : IDisposable
{
    private readonly BuiltCheckpoint _checkpoint = BuiltCheckpoint.Copy(BuiltCheckpoint.Plain);
    private readonly TempFolder _graphs = new();

    public void Dispose()
    {
        _checkpoint.Dispose();
        _graphs.Dispose();
    }

    [Fact]
    public void Graphs_in_another_folder_give_the_same_image_and_leave_the_checkpoint_as_it_was()
    {
        var before = Directory.GetFileSystemEntries(_checkpoint.Folder, "*", SearchOption.AllDirectories);

        var apart = _checkpoint.Build(new BuildOptions { Graphs = _graphs.Path });

        Assert.Equal(before, Directory.GetFileSystemEntries(_checkpoint.Folder, "*", SearchOption.AllDirectories));
        Assert.StartsWith(_graphs.Path, apart.Folder, StringComparison.Ordinal);
        Assert.Contains(apart.Fingerprint[..16], apart.Folder, StringComparison.Ordinal);
        Assert.False(_checkpoint.Build(new BuildOptions { Graphs = _graphs.Path }).Written);
        var beside = _checkpoint.Build();
        Assert.Equal((beside.Fingerprint, beside.Metadata["checkpoint"]), (apart.Fingerprint, apart.Metadata["checkpoint"]));
        Assert.Equal(Image(beside.Folder), Image(apart.Folder));
    }

    [Fact]
    [System.Runtime.Versioning.SupportedOSPlatform("linux")]
    public void A_checkpoint_that_cannot_be_written_is_built_in_the_cache()
    {
        Assert.SkipWhen(Environment.UserName == "root", "Root writes everything.");
        File.SetUnixFileMode(Path.Combine(_checkpoint.Folder, "transformer"), UnixFileMode.UserRead | UnixFileMode.UserExecute);

        var built = _checkpoint.Build();

        File.SetUnixFileMode(Path.Combine(_checkpoint.Folder, "transformer"), UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.UserWrite);
        Assert.NotEqual(_checkpoint.Folder, built.Folder);
        Assert.True(File.Exists(Path.Combine(built.Folder, "transformer", "model.onnx")));
    }

    [Fact]
    public void A_config_with_fewer_layers_than_the_weights_is_refused_with_their_names()
    {
        var file = _checkpoint.PathOf("transformer/config.json");
        var config = JsonNode.Parse(File.ReadAllText(file))!;
        config["num_layers"] = (int)config["num_layers"]! - 1;
        File.WriteAllText(file, config.ToJsonString());

        var error = Assert.Throws<CheckpointException>(() => _checkpoint.Build());

        Assert.Contains("no use for", error.Message, StringComparison.Ordinal);
        Assert.Contains("transformer_blocks.", error.Message, StringComparison.Ordinal);
        Assert.True(_checkpoint.Build(new BuildOptions { IgnoreUnusedTensors = true }).Written);
        Assert.False(_checkpoint.Build().Written); // as the last build was told
    }

    [Fact]
    public void Weights_that_are_only_pickled_are_said_to_be()
    {
        var file = Directory.GetFiles(Path.Combine(_checkpoint.Folder, "transformer"), "*.safetensors")[0];
        File.Move(file, Path.ChangeExtension(file, ".bin"));

        Assert.Contains("diffusion_pytorch_model.bin", Assert.Throws<CheckpointException>(() => _checkpoint.Build()).Message, StringComparison.Ordinal);
    }

    private static byte[] Image(string folder)
    {
        using var pipeline = SanaPipeline.Load(folder, new PipelineOptions());
        var options = pipeline.Resolve(new GenerateOptions { Width = 64, Height = 64, Steps = 2, UseResolutionBinning = false });
        return pipeline.Generate([new ImageRequest("a cat", 7, 0)], options, null, CancellationToken.None)[0].Image!.Pixels.ToArray();
    }
}
