using Sana.Functions.Tests.Roles;
using Sana.Inference.Diffusion;
using Sana.Jobs.Networks;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Functions.Tests.Settings;

/// <summary>A checkpoint's way from blobs to an app's disk.</summary>
[Collection(OneAzurite.Turns)]
public sealed class WeightsTests(OneAzurite azurite) : IDisposable
{
    private readonly TempFolder _disk = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Weights_of_equal_length_but_other_content_are_fetched_again_and_others_are_not(bool isContainer)
    {
        using var store = new TempFolder();
        var blobs = await BlobPlace.Parse(isContainer ? await azurite.Fresh() : store.Path).Open(default);
        await blobs.Put("vae/a.safetensors", "one"u8.ToArray(), default);
        await blobs.Put("config.json", "{}"u8.ToArray(), default);
        await Weights.Fetch(blobs, _disk.Path, default);
        File.WriteAllText(_disk.File("config.json"), "[]");

        await blobs.Put("vae/a.safetensors", "two"u8.ToArray(), default);
        await Weights.Fetch(blobs, _disk.Path, default);

        Assert.Equal(("two", "[]"), (File.ReadAllText(_disk.File("vae/a.safetensors")), File.ReadAllText(_disk.File("config.json"))));
    }

    [Fact]
    public async Task Files_that_nobody_fetched_are_replaced()
    {
        using var store = new TempFolder();
        var blobs = await BlobPlace.Parse(store.Path).Open(default);
        await blobs.Put("a.safetensors", "one"u8.ToArray(), default);
        File.WriteAllText(_disk.File("a.safetensors"), "old");

        await Weights.Fetch(blobs, _disk.Path, default);

        Assert.Equal("one", File.ReadAllText(_disk.File("a.safetensors")));
    }

    [Fact]
    public async Task Networks_of_curation_come_from_a_folder_of_a_container_of_any_kind()
    {
        using var stored = new BuiltClip("clip-b8");
        var weights = $"{await azurite.Fresh()}/weights";
        var blobs = await BlobPlace.Parse(weights).Open(default);
        foreach (var file in Directory.EnumerateFiles(stored.Folder))
            await blobs.Put($"clip-b8/{Path.GetFileName(file)}", await File.ReadAllBytesAsync(file), default);
        using var networks = new NetworkLoader { CurationWeights = weights };

        using var scorer = await networks.LoadClip(_disk.File("clip-b8"), Precision.Float32, default);

        Assert.Equal("clip-b8", scorer.Name);
    }

    public void Dispose() => _disk.Dispose();
}
