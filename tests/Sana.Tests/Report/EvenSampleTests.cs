using Sana.Curation;
using Sana.Curation.Report;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Report;

public sealed class EvenSampleTests
{
    [Fact]
    public void The_same_rows_are_chosen_in_whatever_order_they_come()
    {
        var rows = ReportRows.Make(1_000).ToArray();

        var forth = Choose(rows);
        Random.Shared.Shuffle(rows);

        Assert.Equal(50, forth.Count);
        Assert.Equal(forth, Choose(rows));
    }

    [Fact]
    public void The_choice_is_spread_over_the_whole_dataset()
    {
        var sample = new EvenSample(300);
        foreach (var row in ReportRows.Make(10_000))
            sample.Offer(row);

        var perShard = sample.Rows.GroupBy(row => row.Shard).Select(shard => shard.Count()).ToArray();

        // 30 expected in each of ten; a binomial deviation is 5.2.
        Assert.Equal(10, perShard.Length);
        Assert.All(perShard, count => Assert.InRange(count, 9, 51));
    }

    [Fact]
    public void A_smaller_sample_is_the_beginning_of_a_larger_one()
    {
        var rows = ReportRows.Make(500).ToArray();

        Assert.Equal(Choose(rows, 50).Take(20), Choose(rows, 20));
        Assert.Empty(Choose(rows, 0));
    }

    [Fact]
    public void Long_texts_are_not_kept()
    {
        var sample = new EvenSample(1);
        sample.Offer(HostileReportRows.Make().First(row => row.Candidates.Any(candidate => candidate.Text?.Length == 100_000)));

        var kept = Assert.Single(sample.Rows);

        Assert.Null(kept.Caption);
        Assert.All(kept.Candidates, candidate => Assert.InRange((candidate.Text ?? candidate.TextRaw)!.Length, 1, ShownRow.CaptionLimit + 40));
        Assert.EndsWith("W… (98,000 more)", kept.Candidates[1].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_chosen_caption_is_kept_among_very_many()
    {
        var sample = new EvenSample(1);
        var many = Enumerable.Range(0, 500).Select(i => new Candidate { Label = $"model-{i}", Text = "text" });
        sample.Offer(ReportRows.Make(1).First() with { CaptionLabel = "model-499", Candidates = [.. many] });

        Assert.Equal((65, "model-499"), (sample.Rows[0].Candidates.Count, sample.Rows[0].Candidates[^1].Label));
    }

    private static List<string> Choose(IEnumerable<IndexRow> rows, int size = 50)
    {
        var sample = new EvenSample(size);
        foreach (var row in rows)
            sample.Offer(row);
        return [.. sample.Rows.Select(row => row.Key)];
    }
}
