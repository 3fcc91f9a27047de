using System.Security.Cryptography;
using Sana.GraphBuilder;
using Sana.Inference.Diffusion;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Checkpoint;

/// <summary>A snapshot of the Hugging Face cache: every file is a link into <c>blobs</c>, named by its hash.</summary>
public sealed class LinkedWeightsTests
{
    public static TheoryData<string> Checkpoints => [.. BuiltCheckpoint.Names];

    [Theory, MemberData(nameof(Checkpoints)), Trait("Category", "Parity")]
    public void A_snapshot_of_links_is_built_and_gives_the_pixels_of_the_files(string name)
    {
        using var plain = BuiltCheckpoint.Copy(name);
        using var cache = new TempFolder();
        var snapshot = Snapshot(plain.Folder, cache.Path);

        plain.Build();
        SanaCheckpoint.Build(snapshot, new BuildOptions());

        Assert.Equal(Pixels(plain.Folder), Pixels(snapshot));
        using var pipeline = SanaPipeline.Load(snapshot, new PipelineOptions { Threads = 1 });
        Assert.Equal("owner/" + Path.GetFileName(plain.Folder), pipeline.ModelName);
    }

    [Fact]
    public void Folders_may_be_links_too()
    {
        using var plain = BuiltCheckpoint.Copy(BuiltCheckpoint.Names.First());
        using var cache = new TempFolder();
        var (snapshot, linked) = (Snapshot(plain.Folder, cache.Path), Directory.CreateDirectory(cache.File("mine")).FullName);
        foreach (var entry in Directory.EnumerateFileSystemEntries(snapshot))
        {
            File.CreateSymbolicLink(Path.Combine(linked, Path.GetFileName(entry)), entry);
        }

        plain.Build();
        SanaCheckpoint.Build(linked, new BuildOptions());

        Assert.Equal(Pixels(plain.Folder), Pixels(linked));
    }

    [Fact]
    public void A_link_to_the_snapshot_will_do()
    {
        using var plain = BuiltCheckpoint.Copy(BuiltCheckpoint.Names.First());
        using var cache = new TempFolder();
        var link = cache.File("sana");
        Directory.CreateSymbolicLink(link, Snapshot(plain.Folder, cache.Path));

        plain.Build();
        SanaCheckpoint.Build(link, new BuildOptions());

        Assert.Equal(Pixels(plain.Folder), Pixels(link));
    }

    [Fact]
    public void Weights_that_become_links_are_built_again()
    {
        using var checkpoint = BuiltCheckpoint.Copy(BuiltCheckpoint.Names.First());
        using var elsewhere = new TempFolder();
        var before = checkpoint.Build();
        foreach (var weights in Directory.EnumerateFiles(checkpoint.Folder, "*.safetensors", SearchOption.AllDirectories).ToArray())
        {
            var moved = elsewhere.File(Guid.NewGuid().ToString());
            File.Move(weights, moved);
            File.CreateSymbolicLink(weights, moved);
        }

        var after = checkpoint.Build();

        Assert.Equal((before.Fingerprint, true), (after.Fingerprint, after.Written));
        Assert.NotEmpty(Pixels(checkpoint.Folder));
    }

    [Fact]
    public void Links_in_a_circle_are_refused()
    {
        using var checkpoint = BuiltCheckpoint.Copy(BuiltCheckpoint.Names.First());
        File.Delete(checkpoint.PathOf("vae/config.json"));
        File.CreateSymbolicLink(checkpoint.PathOf("vae/config.json"), checkpoint.PathOf("vae/other.json"));
        File.CreateSymbolicLink(checkpoint.PathOf("vae/other.json"), checkpoint.PathOf("vae/config.json"));

        Assert.Throws<CheckpointException>(() => checkpoint.Build());
    }

    private static byte[] Pixels(string checkpoint)
    {
        using var pipeline = SanaPipeline.Load(checkpoint, new PipelineOptions { Threads = 1 });
        var options = new GenerateOptions { Width = 64, Height = 64, Steps = 1, UseResolutionBinning = false };
        return pipeline.Generate([new ImageRequest("a red house", Seed: 1)], options)[0].Image!.Pixels;
    }

    // models--owner--name/blobs/<hash>, models--owner--name/snapshots/<revision>/transformer/x.safetensors -> ../../../blobs/<hash>
    private static string Snapshot(string checkpoint, string cache)
    {
        var repository = Path.Combine(cache, "models--owner--" + Path.GetFileName(checkpoint));
        var snapshot = Path.Combine(repository, "snapshots", "5f2c");
        var blobs = Directory.CreateDirectory(Path.Combine(repository, "blobs")).FullName;
        foreach (var file in Directory.EnumerateFiles(checkpoint, "*", SearchOption.AllDirectories))
        {
            var blob = Path.Combine(blobs, Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file))));
            File.Copy(file, blob, overwrite: true);
            var link = Path.Combine(snapshot, Path.GetRelativePath(checkpoint, file));
            Directory.CreateDirectory(Path.GetDirectoryName(link)!);
            File.CreateSymbolicLink(link, Path.GetRelativePath(Path.GetDirectoryName(link)!, blob));
        }

        return snapshot;
    }
}
