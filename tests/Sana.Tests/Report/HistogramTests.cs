using Sana.Curation.Report;
using Xunit;

namespace Sana.Tests.Report;

public sealed class HistogramTests
{
    [Fact]
    public void A_score_on_an_edge_belongs_to_the_bin_above()
    {
        var bins = Bins(24.99, 25, 25.24, 25.25, -0.1);

        Assert.Equal((1, 2, 1, 1), (bins.Between(24.75, 25), bins.Between(25, 25.25), bins.Between(25.25, 25.5), bins.Between(-1, 0)));
        Assert.Equal((-0.25, 25.5), (bins.Least, bins.Most));
    }

    [Fact]
    public void What_is_no_score_is_not_counted()
    {
        var bins = Bins(null, double.NaN, double.PositiveInfinity, 250, -101);

        Assert.Equal((0, null, null, null), (bins.Count, bins.Mean, bins.Least, bins.Most));
    }

    [Fact]
    public void Both_ends_of_the_range_are_in_a_bin()
    {
        var bins = Bins(-100, 100);

        Assert.Equal((1, 1), (bins.Between(-100, -99.75), bins.Between(99.75, 100)));
    }

    [Theory]
    [InlineData(17.2, 35.4, 25d, 16, 36, 0.5, 2)]
    [InlineData(26.1, 26.2, null, 26, 27, 0.25, 1)]
    [InlineData(-80, 90, 25d, -80, 100, 5, 20)]
    public void One_scale_fits_all(double least, double most, double? threshold, double from, double to, double bin, double step)
    {
        var scale = ScoreScale.Fit([Bins(least), Bins(most), Bins()], threshold);

        Assert.Equal(new ScoreScale(from, to, bin, step), scale);
    }

    [Fact]
    public void Without_a_score_there_is_a_scale_all_the_same() => Assert.Equal(new ScoreScale(0, 40, 1, 5), ScoreScale.Fit([Bins()], null));

    [Fact]
    public void Bars_hold_all_scores_and_dim_those_below_the_threshold()
    {
        var bins = Bins(20, 20.1, 24.9, 25, 30);
        var scale = ScoreScale.Fit([bins], 25);

        var svg = Histogram.Draw(bins, scale, 25, "a<b").Text;

        Assert.Equal(2, Occurrences(svg, "class=\"below\""));
        Assert.Equal(2, Occurrences(svg, "class=\"bar\""));
        Assert.Contains("<title>20 to 20.25: 2</title>", svg, StringComparison.Ordinal);
        Assert.Contains("threshold 25", svg, StringComparison.Ordinal);
        Assert.Contains("CLIP score, 100 × cosine", svg, StringComparison.Ordinal);
        Assert.Contains("a&lt;b: 5 captions, mean 24.00", svg, StringComparison.Ordinal);
    }

    private static int Occurrences(string text, string part) => text.Split(part).Length - 1;

    private static ScoreBins Bins(params double?[] scores)
    {
        var bins = new ScoreBins();
        foreach (var score in scores)
            bins.Add(score);
        return bins;
    }
}
