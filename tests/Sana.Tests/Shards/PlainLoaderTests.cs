using Sana.Curation;
using Sana.Curation.Selection;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Shards;

/// <summary>What Sana's trainer would see of a shard.</summary>
public sealed class PlainLoaderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_trainer_finds_image_sizes_and_captions_of_every_sample()
    {
        await SomeRows.Write(_folder.Path, 40);
        var loader = Loader();
        var rows = SomeRows.Of(40).Where(row => row.Status == RowStatus.Success).ToArray();

        var samples = loader.Samples();

        Assert.Equal(rows.Select(row => row.Key), samples.Keys);
        foreach (var row in rows)
        {
            var info = loader.Info(row.Key, samples[row.Key]);
            Assert.Equal(await SomeRows.Image(row, default), samples[row.Key][".jpg"]);
            Assert.Equal((row.Width, row.Height, row.Original ?? row.Caption), ((int?)info["width"], (int?)info["height"], (string?)info["prompt"]));
            Assert.All(row.Candidates.Where(candidate => candidate.IsUsable()), candidate => Assert.Equal(candidate.Text, (string?)info[candidate.Label]));
            Assert.NotNull(loader.ImageScore(row.Key));
        }
    }

    [Theory]
    [InlineData(25, 0.1)]
    [InlineData(28, 0.1)]
    [InlineData(60, 0.1)]
    [InlineData(25, 1)]
    public async Task The_trainer_draws_with_the_probabilities_that_the_index_states(double threshold, double tau)
    {
        var settings = SomeRows.Settings with { Selection = new SelectionOptions { Threshold = threshold, Tau = tau } };
        await SomeRows.Write(_folder.Path, 40, settings: settings);
        var loader = Loader();
        var samples = loader.Samples();

        foreach (var row in SomeRows.Of(40, settings: settings).Where(row => row is { Status: RowStatus.Success, Original: not null }))
        {
            var draws = loader.Draws(row.Key, loader.Info(row.Key, samples[row.Key]), threshold, tau);
            Assert.All(row.Candidates, candidate => Assert.Equal(draws.GetValueOrDefault(candidate.Label), candidate.Prob ?? 0, 1e-4)); // Scores in sidecars have four decimals.
        }
    }

    private PlainLoader Loader() => new(
        _folder.File("00000.tar"),
        ["", "_InternVL2-26B", "_VILA1-5-13B"],
        ["_InternVL2-26B_clip_score", "_VILA1-5-13B_clip_score", "_prompt_clip_score"]);
}
