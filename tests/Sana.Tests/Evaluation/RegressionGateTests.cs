using System.Text.Json;
using Sana.Local.Evaluation;
using Sana.Local.Evaluation.Report;
using Xunit;

namespace Sana.Tests.Evaluation;

public sealed class RegressionGateTests
{
    [Fact]
    public void A_report_does_not_fail_against_itself() => Assert.Empty(RegressionGate.Compare(SomeReport.With(), SomeReport.With()));

    [Fact]
    public void Better_never_fails() => Assert.Empty(RegressionGate.Compare(SomeReport.With(), SomeReport.With(met: 199, score: 40, frechet: 0.01)));

    [Fact]
    public void What_chance_explains_does_not_fail() => Assert.Empty(RegressionGate.Compare(SomeReport.With(), SomeReport.With(met: 172, score: 29.7, frechet: 0.11)));

    [Fact]
    public void A_real_drop_is_named_with_both_values()
    {
        var drop = RegressionGate.Compare(SomeReport.With(), SomeReport.With(met: 150)).Single(one => one.Name.StartsWith("counting", StringComparison.Ordinal));

        Assert.Equal((0.9, 0.75), (drop.Before, drop.Now));
        Assert.InRange(drop.Allowed, 0.78, 0.86);
        Assert.Contains("counting: share of prompts met went from 0.9 to 0.75", drop.Sentence(), StringComparison.Ordinal);
    }

    /// <summary>Shares are still compared.</summary>
    [Fact]
    public void Scores_of_another_scorer_are_another_scale()
    {
        var (before, now) = (SomeReport.With(), SomeReport.With(met: 150, score: 9, frechet: 5) with { Clip = "google-siglip2-base-patch16-224" });

        Assert.True(RegressionGate.HaveOtherScorers(before, now));
        Assert.All(RegressionGate.Compare(before, now), one => Assert.Contains("share of prompts met", one.Name, StringComparison.Ordinal));
        Assert.NotEmpty(RegressionGate.Compare(before, now));
        Assert.False(RegressionGate.HaveOtherScorers(before, before with { Clip = null }));
    }

    [Fact]
    public void Few_images_allow_more() => Assert.Empty(RegressionGate.Compare(SomeReport.With(met: 9, images: 10), SomeReport.With(met: 7, images: 10)));

    [Fact]
    public void All_met_before_and_some_lost_is_seen() =>
        Assert.NotEmpty(RegressionGate.Compare(SomeReport.With(met: 200), SomeReport.With(met: 185)));

    [Theory]
    [InlineData(25, 0.1, ": score")]
    [InlineData(30, 0.2, "Fréchet distance")]
    public void Scores_and_distances_are_held_too(double score, double frechet, string figure)
    {
        var regressions = RegressionGate.Compare(SomeReport.With(), SomeReport.With(score: score, frechet: frechet));

        Assert.NotEmpty(regressions);
        Assert.All(regressions, one => Assert.Contains(figure, one.Name, StringComparison.Ordinal));
    }

    [Fact]
    public void A_written_report_is_read_back()
    {
        var json = JsonSerializer.Serialize(SomeReport.With(), EvalJson.Indented.EvalReport);

        Assert.Empty(RegressionGate.Compare(RegressionGate.Read(json), SomeReport.With()));
        Assert.Throws<JsonException>(() => RegressionGate.Read("{}"));
    }
}
