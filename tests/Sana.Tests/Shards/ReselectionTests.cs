using System.Text.Json.Nodes;
using DuckDB.NET.Data;
using Sana.Curation;
using Sana.Curation.Selection;
using Sana.Curation.Shards;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Shards;

public sealed class ReselectionTests : IDisposable
{
    private const int Rows = 60;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_index_gives_back_what_choosing_needs()
    {
        await SomeRows.Write(_folder.Path, Rows);
        var rows = SomeRows.Of(Rows);

        await using var parquet = File.OpenRead(_folder.File("00000.parquet"));
        var read = await IndexReader.Read(parquet, scorer: null, default).ToListAsync();

        Assert.Equal(rows.Select(row => (row.Key, row.Row, row.SourceUri, row.Status, row.Reason, row.CaptionLabel)), read.Select(row => (row.Key, row.Row, row.SourceUri, row.Status, row.Reason, row.CaptionLabel)));
        Assert.Equal(rows.Select(Candidates), read.Select(Candidates));

        static string Candidates(IndexRow row) => string.Join(';', row.Candidates.Select(c => $"{c.Label} {c.Text} {c.Score} {c.Reason}"));
    }

    [Fact]
    public async Task The_same_settings_choose_the_same_captions()
    {
        await SomeRows.Write(_folder.Path, Rows);

        var again = await Again(SomeRows.Settings);

        Assert.Equal((Rows, 48, 0, 0), (again.Rows, again.Selected, again.Changed, again.Dropped));
        Assert.All(SomeRows.Of(Rows).Where(row => row.Status == RowStatus.Success), row =>
        {
            Assert.Equal(row.Caption, (string?)Json("00000_selected.json")[row.Key]!["selected"]);
            Assert.Equal(FormattableString.Invariant($"{row.CaptionScore:F4}"), (string?)Json("00000_selected_clip_score.json")[row.Key]!["selected"]);
        });
    }

    [Fact]
    public async Task Other_settings_choose_what_a_new_run_would_have_chosen()
    {
        await SomeRows.Write(_folder.Path, Rows);
        var other = SomeRows.Settings with { Selection = new SelectionOptions { Rule = SelectionRule.Softmax, Tau = 2, Threshold = 27, ImageThreshold = 29, Seed = 99 } };

        var again = await Again(other);

        var expected = SomeRows.Of(Rows, settings: other);
        var chosen = Json("00000_selected.json").AsObject().ToDictionary(pair => pair.Key, pair => (string?)pair.Value!["selected"]);
        Assert.Equal(expected.Where(row => row.Status == RowStatus.Success).ToDictionary(row => row.Key, row => row.Caption), chosen);
        Assert.Equal(expected.Count(row => row.Reason == Reasons.ImageScore), again.Dropped);
        Assert.True(again.Dropped > 0 && again.Changed > again.Dropped);
    }

    [Fact]
    public async Task The_table_of_choices_joins_the_index()
    {
        await SomeRows.Write(_folder.Path, Rows);
        await Again(SomeRows.Settings with { Selection = new SelectionOptions { Rule = SelectionRule.Max } });

        using var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"""
            SELECT count(*) FROM '{_folder.File("selections/selected/00000.parquet")}' s JOIN '{_folder.File("00000.parquet")}' i USING (key)
            WHERE s.status = 'success' AND s.selection_method = 'max' AND s.caption_score = list_max(list_transform(i.candidates, lambda c: c.score))
            """;

        Assert.Equal(48L, command.ExecuteScalar());
        // Who reads all tables of the shards' folder reads every row once.
        command.CommandText = $"SELECT count(*) - count(DISTINCT key) FROM '{_folder.File("*.parquet")}'";
        Assert.Equal(0L, command.ExecuteScalar());
    }

    [Fact]
    public async Task Images_that_an_earlier_threshold_dropped_are_counted_and_stay_out()
    {
        await SomeRows.Write(_folder.Path, Rows, settings: SomeRows.Settings with { Selection = new SelectionOptions { ImageThreshold = 30 } });

        var again = await Again(SomeRows.Settings);

        Assert.True(again.Returning > 0);
        Assert.Equal(48, again.Selected + again.Returning);
        Assert.Equal(again.Selected, Json("00000_selected.json").AsObject().Count);
    }

    [Theory]
    [InlineData("VILA1-5-13B"), InlineData("vila1-5-13b"), InlineData("prompt"), InlineData("a.b")]
    public void A_label_that_would_overwrite_something_is_refused(string label) => Assert.Throws<CurationException>(() => new Reselection(SomeRows.Settings, label));

    [Fact]
    public async Task A_damaged_index_is_refused_in_a_sentence()
    {
        await SomeRows.Write(_folder.Path, Rows);
        var bytes = File.ReadAllBytes(_folder.File("00000.parquet"));

        foreach (var length in new[] { 0, 8, bytes.Length / 2, bytes.Length - 1 })
        {
            var error = await Assert.ThrowsAsync<CurationException>(() => new Reselection(SomeRows.Settings).Run(0, new MemoryStream(bytes, 0, length), FileBlobs.Open(_folder.Path), "", "selections/selected/", default));
            Assert.StartsWith("The index is not readable", error.Message, StringComparison.Ordinal);
        }
    }

    private async Task<ReselectedShard> Again(ShardSettings settings)
    {
        await using var parquet = File.OpenRead(_folder.File("00000.parquet"));
        return await new Reselection(settings).Run(0, parquet, FileBlobs.Open(_folder.Path), "", "selections/selected/", default);
    }

    private JsonNode Json(string name) => JsonNode.Parse(File.ReadAllText(_folder.File(name)))!;
}
