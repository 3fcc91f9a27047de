using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Sana.Functions.Tests.Roles;
using Sana.Inference.Diffusion;
using Sana.Jobs.Curation;
using Sana.Jobs.Networks;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Functions.Tests.Settings;

/// <summary>What an orchestrator, which has no GPU and an empty disk, makes of <c>config/curation.json</c>.</summary>
[Collection(OneAzurite.Turns)]
public sealed class CurationSettingsTests(OneAzurite azurite)
{
    [Fact]
    public async Task Networks_come_from_the_weights_and_score_without_a_gpu()
    {
        using var stored = new BuiltClip("clip-b8");
        using var disk = new TempFolder();
        using var services = new ServiceCollection().AddSana(Configuration(
            ("Sana:Role", "orchestrator"), ("Sana:Device", "cuda"), ("Sana:CurationWeights", Path.GetDirectoryName(stored.Folder)!), ("AzureWebJobsStorage", "UseDevelopmentStorage=true"))).BuildServiceProvider();

        using var scorer = await services.GetRequiredService<NetworkLoader>().LoadClip(disk.File("clip-b8"), Precision.Float32, default);

        Assert.Equal("clip-b8", scorer.Name);
    }

    [Fact]
    public void The_example_of_the_docs_can_be_used()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "azure.md"));
        var settings = CurationConfig.Parse(Encoding.UTF8.GetBytes(page.Split("```json\n")[1].Split("```")[0])).Settings();

        Assert.Equal(("/tmp/clip-vit-base-patch32", 50m), (settings.Clip, settings.Budget.Money));
        Assert.Equal("gpt", Assert.Single(settings.ReadCaptioners()).Label);
    }

    [Theory]
    [InlineData("""{"clips":"x"}""", "clips")]
    [InlineData("""{"rule":"best"}""", "best")]
    [InlineData("""{"captioners":{"captioners":[{"kind":"magic"}]}}""", "captioners[0]")]
    public async Task A_configuration_that_cannot_be_used_says_why(string json, string word)
    {
        using var folder = new TempFolder();
        var blobs = await BlobPlace.Parse(folder.Path).Open(default);
        await blobs.Put(CurationConfig.Blob, Encoding.UTF8.GetBytes(json), default);

        using var networks = new NetworkLoader();
        using var source = new RendererSource(networks.LoadPipeline);
        await using var jobs = new AppJobs(
            new FunctionsSettings { Role = "orchestrator", Blobs = folder.Path, HostStorage = azurite.Connection }, new DurableClientHolder(), source, networks, TimeProvider.System);

        var error = await Assert.ThrowsAsync<SanaException>(async () => await jobs.Get(default));

        Assert.Contains(word, error.Message, StringComparison.Ordinal);
    }

    private static IConfiguration Configuration(params (string Key, string Value)[] values) =>
        new ConfigurationBuilder().AddInMemoryCollection(values.ToDictionary(one => one.Key, one => (string?)one.Value)).Build();
}
