using CsCheck;
using Sana.Curation;
using Sana.Curation.Captioning;
using Sana.Curation.Shards;
using Xunit;

namespace Sana.Tests.Captioning;

public sealed class CaptionerReportTests
{
    private static readonly Candidate[] _candidates =
    [
        Of("a", "one two three") with { FinishReason = "stop", InputTokens = 10, OutputTokens = 3, Cost = 0.5m, Attempts = 1 },
        Of("a", "one two three four five") with { FinishReason = "length", Flags = [Reasons.CaptionTruncated], Attempts = 2, Cost = 0.25m },
        Of("a", null) with { Reason = Reasons.CaptionerTimeout, Attempts = 4 },
        Of("b", null) with { Reason = Reasons.CaptionRefusal, FinishReason = "stop" },
        Of(Candidate.OriginalLabel, "from the source"),
    ];

    [Fact]
    public void A_report_counts_what_became_of_each_ask()
    {
        var reports = CaptionerReport.Of(_candidates);
        var a = reports[0];

        Assert.Equal(["a", "b"], reports.Select(report => report.Label));
        Assert.Equal((3, 2, 10, 3, 0.75m, 7, 4d), (a.Asked, a.Usable, a.InputTokens, a.OutputTokens, a.Cost, a.Attempts, a.MeanWords));
        Assert.Equal((1, 1), (a.Flags[Reasons.CaptionTruncated], a.ByReason[Reasons.CaptionerTimeout]));
        Assert.Equal("length=1 none=1 stop=1", string.Join(' ', a.FinishReasons.Select(reason => $"{reason.Key}={reason.Value}")));
        Assert.Equal((1, 0, 0d), (reports[1].Asked, reports[1].Usable, reports[1].MeanWords));
    }

    [Fact]
    public void Reports_of_parts_add_up_to_the_report_of_all() => Gen.Int[0, _candidates.Length - 1].Array[0, 40].Select(Gen.Int[0, 40]).Sample((picks, cut) =>
    {
        var all = picks.Select(pick => _candidates[pick]).ToList();
        var (head, tail) = (all.Take(cut), all.Skip(cut));

        Assert.Equivalent(CaptionerReport.Of(all), CaptionerReport.Sum([.. CaptionerReport.Of(tail), .. CaptionerReport.Of(head)]), strict: true);
    });

    private static Candidate Of(string label, string? text) => new() { Label = label, Text = text, Words = text?.Split(' ').Length ?? 0 };
}
