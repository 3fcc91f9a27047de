using Sana.Curation;
using Sana.Curation.Report;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Report;

public sealed class TotalsTests
{
    [Fact]
    public void Rows_are_counted_by_status_and_note()
    {
        var totals = Count(Row("a"), Row("b") with { Notes = ["icc_converted"], Bytes = 5 }, Row("c") with { Status = "rejected", Reason = "empty_file", Bytes = 7 });

        Assert.Equal((3, 2, 12), (totals.Rows, totals.Succeeded, totals.Bytes));
        Assert.Equal([new("rejected", 1), new("success", 2)], totals.Statuses);
        Assert.Equal([new("icc_converted", 1)], totals.Notes);
    }

    [Fact]
    public void A_captioner_is_told_by_its_captions()
    {
        var good = new Candidate { Label = "one", Text = "a b", Words = 2, InputTokens = 10, OutputTokens = 3, Cost = 0.1m, Attempts = 1, Score = 30, ClipTruncated = true, Flags = ["caption_truncated"] };
        var bad = new Candidate { Label = "one", TextRaw = "no", Words = 9, InputTokens = 10, OutputTokens = 1, Cost = 0.2m, Attempts = 3, Score = 99, Reason = "caption_refusal", Flags = ["caption_refusal"] };
        var totals = Count(
            Row("a") with { CaptionLabel = "one", CaptionScore = 30, Candidates = [good] },
            Row("b") with { CaptionLabel = "two", CaptionScore = 26, Candidates = [good with { Words = 5, Score = 25 }, good with { Label = "two", Score = 26 }] },
            Row("c") with { Status = "filtered", Reason = "no_caption", Candidates = [bad] });

        var tally = totals.Captioners["one"];

        Assert.Equal((3, 2, 1, 7, 2), (tally.Asked, tally.Usable, tally.Chosen, tally.Words, tally.Cut));
        Assert.Equal((30, 7, 5, 0.4m), (tally.InputTokens, tally.OutputTokens, tally.Attempts, tally.Cost));
        Assert.Equal((2, 27.5), (tally.Scores.Count, tally.Scores.Mean));
        Assert.Equal([new("caption_refusal", 1)], tally.Reasons);
        Assert.Equal([new("caption_refusal", 1), new("caption_truncated", 2)], tally.Flags);
        Assert.Equal((28.0, 0.5m), (totals.Chosen.Mean, totals.Cost));
    }

    [Fact]
    public void Sums_do_not_depend_on_the_order_of_the_rows()
    {
        var rows = ReportRows.Make(500).ToArray();

        var (forth, back) = (Count(rows), Count([.. rows.Reverse()]));

        Assert.Equal(forth.Chosen.Mean, back.Chosen.Mean);
        Assert.Equal(forth.Captioners.Values.Select(tally => tally.Scores.Mean), back.Captioners.Values.Select(tally => tally.Scores.Mean));
    }

    private static Totals Count(params IndexRow[] rows)
    {
        var totals = new Totals();
        foreach (var row in rows)
            totals.Add(row);
        return totals;
    }

    private static IndexRow Row(string key) => new() { Key = key, Shard = 0, Row = 0, SourceUri = key + ".jpg", Status = "success" };
}
