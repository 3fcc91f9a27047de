using System.Text;
using Sana.Curation;
using Sana.Functions.Hosting;
using Sana.Jobs.Curation;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Functions.Tests.Settings;

/// <summary>What an orchestrator, which has no GPU and an empty disk, makes of <c>config/curation.json</c>.</summary>
public sealed class CurationPartsTests
{
    private readonly FunctionsSettings _orchestrator = new() { Role = "orchestrator", Device = "cuda" };

    [Fact]
    public async Task Networks_come_from_the_weights_and_score_without_a_gpu()
    {
        using var stored = new BuiltClip("clip-b8");
        using var disk = new TempFolder();
        var parts = new CurationParts(_orchestrator with { CurationWeights = Path.GetDirectoryName(stored.Folder) }, TimeProvider.System);

        using var scorer = await parts.Lend(new CurationConfig()).Scorer(disk.File("clip-b8"), default);

        Assert.Equal("clip-b8", scorer.Name);
    }

    [Theory]
    [InlineData("{}", true)]
    [InlineData("""{"networks":["127.0.0.0/8"]}""", false)]
    public async Task Downloads_reach_no_private_network_but_those_that_are_named(string json, bool isBlocked)
    {
        var tools = new CurationParts(_orchestrator, TimeProvider.System).Lend(CurationConfig.Parse(Encoding.UTF8.GetBytes(json)));

        var answer = await tools.Download!.Get("http://127.0.0.1/a.jpg", default);

        Assert.Equal(isBlocked, answer.Reason == Reasons.BlockedAddress);
    }

    [Fact]
    public void The_example_of_the_docs_can_be_used()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "azure.md"));
        var settings = CurationParts.Settings(CurationConfig.Parse(Encoding.UTF8.GetBytes(page.Split("```json\n")[1].Split("```")[0])));

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

        var error = await Assert.ThrowsAsync<SanaException>(async () => CurationParts.Settings(await CurationParts.Read(blobs, default)));

        Assert.Contains(word, error.Message, StringComparison.Ordinal);
    }
}
