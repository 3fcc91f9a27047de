using System.Xml.Linq;
using Sana.Local.Evaluation.Report;
using Xunit;

namespace Sana.Tests.Evaluation;

public sealed class EvalReportTests
{
    [Fact]
    public void Tables_hold_counts_shares_and_intervals()
    {
        var text = EvalMarkdown.Of(SomeReport.With(), ["steps.svg"]);

        Assert.Contains("| counting | 180 | 200 | 0.900 | 0.851…0.934 | 30.00 | 0.1000 |", text, StringComparison.Ordinal);
        Assert.Contains("![Steps and solver](steps.svg)", text, StringComparison.Ordinal);
        Assert.DoesNotContain("guidance.svg", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Plots_are_well_formed_and_have_a_point_for_every_setting()
    {
        var plots = EvalPlots.Of(SomeReport.With()).ToDictionary(plot => plot.Name, plot => XDocument.Parse(plot.Svg));

        Assert.Equal(["best-of.svg", "guidance.svg", "steps.svg"], plots.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(6, plots["steps.svg"].Descendants().Count(one => one.Name.LocalName == "polyline")); // two solvers, three panels
        Assert.All(plots["steps.svg"].Descendants().Where(one => one.Name.LocalName == "circle"), one => Assert.InRange((double)one.Attribute("cx")!, 0, 1080));
    }

    [Theory]
    [InlineData(0.62, 0.97, 0.6, 1.0)]
    [InlineData(21.3, 31.9, 20, 35)]
    [InlineData(0.5, 0.5, 0.5, 0.501)]
    public void Axes_end_on_round_numbers_that_enclose_the_points(double low, double high, double first, double last)
    {
        var ticks = LinePlot.Ticks(low, high);

        Assert.InRange(ticks.Length, 2, 7);
        Assert.InRange(ticks[0], first - 1e-9, low + 1e-9);
        Assert.InRange(ticks[^1], high - 1e-9, last + 1e-9);
    }
}
