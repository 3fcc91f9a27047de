using Sana.Curation;
using Sana.Curation.Captioning;
using Xunit;

namespace Sana.Tests.Captioning;

public sealed class CandidateDuplicatesTests
{
    [Fact]
    public void The_same_words_are_one_candidate_and_the_first_keeps_it()
    {
        Candidate[] candidates = [Of("prompt", "A grey cat."), Of("a", "a grey  cat"), Of("b", "A grey dog."), Of("c", "A GREY CAT!"), Of("d", "…"), Of("e", "!")];

        var marked = CandidateDuplicates.Mark(candidates);

        Assert.Equal([null, Reasons.CandidateDuplicate, null, Reasons.CandidateDuplicate, null, null], marked.Select(candidate => candidate.Reason));
        Assert.Equal((null, "a grey  cat"), (marked[1].Text, marked[1].TextRaw));
        Assert.Equal("prompt gave the same caption.", marked[1].Message);
        Assert.Equal(candidates.Select(candidate => candidate.Label), marked.Select(candidate => candidate.Label));
    }

    [Fact]
    public void A_candidate_that_cannot_be_chosen_makes_no_duplicate()
    {
        Candidate[] candidates = [Of("a", null) with { TextRaw = "A cat.", Reason = Reasons.CaptionLength }, Of("b", "A cat.")];

        Assert.Null(CandidateDuplicates.Mark(candidates)[1].Reason);
    }

    private static Candidate Of(string label, string? text) => new() { Label = label, Text = text };
}
