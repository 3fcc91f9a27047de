using Sana.Curation;
using Sana.Curation.Report;
using Sana.Curation.Selection;
using Xunit;

namespace Sana.Tests.Report;

public sealed class ChoiceTextTests
{
    private static readonly SelectionOptions _power = new() { Tau = 0.1, Threshold = 25, K = 3 };

    [Theory]
    [InlineData("power", 0.42, "Drawn with p = 0.42 by the power rule, tau 0.1, among 3 of 4 at or above 25.")]
    [InlineData("softmax", 0.001, "Drawn with p < 0.01 by softmax, tau 0.1, among 3 of 4 at or above 25.")]
    [InlineData("top-k", 0.999, "Drawn with p > 0.99 from the best 3, among 3 of 4 at or above 25.")]
    [InlineData("max", 1.0, "Taken as the best score of 4.")]
    [InlineData("proportion", null, "Drawn by the weights of the labels, among 4 usable captions.")]
    public void The_rule_is_told(string method, double? prob, string words) =>
        Assert.Equal(words, ChoiceText.Chosen(Row(24, 25, 27, 30) with { SelectionMethod = method, SelectionProb = prob }, _power));

    [Fact]
    public void Below_the_threshold_the_best_is_taken()
    {
        Assert.Equal("Taken as the best: none of 2 reaches 25.", ChoiceText.Chosen(Row(20, 24), _power));
        Assert.Equal("Taken as the only one with a score, though below 25.", ChoiceText.Chosen(Row(20, null), _power));
    }

    [Fact]
    public void One_alone_is_not_drawn()
    {
        Assert.Equal("Taken as the only one of 3 at or above 25.", ChoiceText.Chosen(Row(20, 24, 25), _power));
        Assert.Equal("Taken as the only usable caption.", ChoiceText.Chosen(Row(26), _power));
    }

    [Fact]
    public void Scores_that_are_none_take_no_part()
    {
        Assert.Equal("Drawn with p = 0.50, all alike, since no caption has a score.", ChoiceText.Chosen(Row(null, double.NaN) with { SelectionProb = 0.5 }, _power));
        Assert.Equal("Drawn with p = 0.50 by the power rule, tau 0.1, among 2 of 3 at or above 25.", ChoiceText.Chosen(Row(null, 26, 26) with { SelectionProb = 0.5 }, _power));
    }

    [Fact]
    public void Without_a_threshold_all_with_a_score_take_part()
    {
        var all = _power with { Threshold = 0 };

        Assert.Equal("Drawn with p = 1 by the power rule, tau 0.1, among 2 captions.", ChoiceText.Chosen(Row(3, 26, null) with { SelectionProb = 1 }, all));
        Assert.Equal("Taken as the only one with a score.", ChoiceText.Chosen(Row(3, null), all));
        Assert.Equal("Drawn by power, among 2 captions.", ChoiceText.Chosen(Row(3, 26), null));
    }

    [Fact]
    public void Nothing_chosen_is_told_by_the_rows_own_sentence() =>
        Assert.Equal("Every caption was refused.", ChoiceText.Chosen(Row(20) with { CaptionLabel = null, ErrorMessage = "Every caption was refused." }, _power));

    [Fact]
    public void Scores_disagree_when_they_rank_differently()
    {
        var row = Row(30, 28, 26);

        Assert.Null(ChoiceText.Disagreement(Windows(row, 30, 28, 26)));
        Assert.Null(ChoiceText.Disagreement(Windows(row, 28, 28, 27)));
        Assert.Null(ChoiceText.Disagreement(Windows(row, 30, double.NaN, 29)));
        Assert.Contains("c0 is best, by the score over the whole text c1", ChoiceText.Disagreement(Windows(row, 27, 28, 26)), StringComparison.Ordinal);
        Assert.Contains("below the same best one", ChoiceText.Disagreement(Windows(row, 30, 25, 26)), StringComparison.Ordinal);
    }

    private static IndexRow Row(params double?[] scores) => new()
    {
        Key = "a",
        Shard = 0,
        Row = 0,
        SourceUri = "a.jpg",
        Status = "success",
        CaptionLabel = "c0",
        SelectionMethod = "power",
        Candidates = [.. scores.Select((score, i) => new Candidate { Label = $"c{i}", Text = "text", Score = score })],
    };

    private static IndexRow Windows(IndexRow row, params double[] windows) => row with { Candidates = [.. row.Candidates.Zip(windows, (candidate, window) => candidate with { WindowScore = window })] };
}
