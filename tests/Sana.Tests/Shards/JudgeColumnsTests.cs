using Parquet;
using Sana.Curation;
using Sana.Curation.Shards;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Shards;

/// <summary>Scores of judges in the index and in the chain of hashes.</summary>
public sealed class JudgeColumnsTests : IDisposable
{
    private static readonly JudgeCard _card = new("laion-v2", "aesthetic", "aesthetic__laion-v2", "m", "0", "points");
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_judge_has_a_column_with_null_where_it_gave_nothing()
    {
        var rows = SomeRows.Of(5);
        rows[0] = rows[0] with { Judges = [new JudgeScore("laion-v2", 5.25)] };
        rows[1] = rows[1] with { Judges = [new JudgeScore("laion-v2", null)] };

        await Write(rows, _card);

        Assert.Equal([5.25, null, null, null, null], await Column("aesthetic__laion-v2"));
    }

    [Fact]
    public async Task The_list_of_judges_is_there_without_any()
    {
        await Write(SomeRows.Of(5));

        await using var reader = await ParquetReader.CreateAsync(_folder.File("00000.parquet"));
        Assert.Contains("judges", reader.Schema.Fields.Select(field => field.Name));
        Assert.DoesNotContain(reader.Schema.Fields, field => field.Name.StartsWith("aesthetic__", StringComparison.Ordinal));
        Assert.DoesNotContain("judges", await File.ReadAllTextAsync(_folder.File("00000.jsonl")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_changed_score_changes_the_chain_of_scores_and_not_those_before()
    {
        var rows = SomeRows.Of(3);
        var (before, judged, changed) = (HashChain.Compute(rows, []), HashChain.Compute(With(5), []), HashChain.Compute(With(5.0001), []));

        Assert.Equal(3, new[] { before, judged, changed }.Select(chain => chain.Scores).Distinct().Count());
        Assert.Single(new[] { before, judged, changed }.Select(chain => chain.Captions).Distinct());

        IndexRow[] With(double score) => [rows[0] with { Judges = [new JudgeScore("laion-v2", score)] }, .. rows[1..]];
    }

    private async Task Write(IndexRow[] rows, params JudgeCard[] judges) =>
        await new ShardWriter(SomeRows.Settings with { Judges = judges }).Write(0, rows, SomeRows.Image, FileBlobs.Open(_folder.Path), "", default);

    private async Task<double?[]> Column(string name)
    {
        await using var reader = await ParquetReader.CreateAsync(_folder.File("00000.parquet"));
        using var group = reader.OpenRowGroupReader(0);
        var leaf = await IndexLeafValues<double>.Read(group, reader.Schema.DataFields.Single(field => field.Name == name), 1000, default);
        return [.. Enumerable.Range(0, (int)group.RowCount).Select(_ => leaf.Next(out var value) ? value : (double?)null)];
    }
}
