using Sana.Curation;
using Sana.Curation.Selection;
using Sana.Inference.Clip;
using Xunit;

namespace Sana.Tests.Selection;

public sealed class SelectionOptionsTests
{
    [Fact]
    public void Defaults_are_those_of_Sanas_configurations()
    {
        var options = new SelectionOptions().Check().For(ScorerFamily.Clip);

        Assert.Equal((SelectionRule.Power, 0.1, 25.0, 0.0, 3, 0UL), (options.Rule, options.Tau, options.Threshold, options.ImageThreshold, options.K, options.Seed));
    }

    [Fact]
    public void A_threshold_that_is_not_given_is_that_of_the_scorer_s_family()
    {
        Assert.Equal((25, 10), (new SelectionOptions().For(ScorerFamily.Clip).Threshold, new SelectionOptions().For(ScorerFamily.Siglip).Threshold));
        Assert.Equal(0, new SelectionOptions { Threshold = 0 }.For(ScorerFamily.Siglip).Threshold);
    }

    [Fact]
    public void Limits_themselves_are_allowed()
    {
        new SelectionOptions { Tau = 0, Threshold = 0, ImageThreshold = 0, K = 1 }.Check();
        new SelectionOptions { Tau = 1000, Threshold = 100, ImageThreshold = 100, K = 100 }.Check();
    }

    [Theory]
    [InlineData(-0.1, 25, 0, 3, "tau -0.1 is outside 0…1000; use 0.1.")]
    [InlineData(double.NaN, 25, 0, 3, "tau NaN")]
    [InlineData(0.1, 100.5, 0, 3, "threshold 100.5 is outside 0…100")]
    [InlineData(0.1, 25, -1, 3, "image threshold -1")]
    [InlineData(0.1, 25, 0, 0, "k 0 is outside 1…100; use 3.")]
    [InlineData(0.1, 25, 0, 101, "k 101")]
    public void What_is_outside_is_refused_with_the_limit(double tau, double threshold, double image, int k, string sentence) => Assert.Contains(
        sentence,
        Assert.Throws<CurationException>(() => new CaptionSelector(new SelectionOptions { Tau = tau, Threshold = threshold, ImageThreshold = image, K = k })).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Proportion_needs_a_weight() => Assert.Contains(
        "needs a label with a weight above 0",
        Assert.Throws<CurationException>(() => new SelectionOptions { Rule = SelectionRule.Proportion, Proportions = new Dictionary<string, double> { ["a"] = 0 } }.Check()).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("power"), InlineData("softmax"), InlineData("max"), InlineData("top-k"), InlineData("proportion")]
    public void Names_and_json_agree(string name)
    {
        var rule = SelectionRules.Parse(name);

        Assert.Equal(name, rule.Name());
        Assert.Equal($"\"{name}\"", System.Text.Json.JsonSerializer.Serialize(rule));
    }

    [Fact]
    public void An_unknown_rule_is_refused() => Assert.Throws<CurationException>(() => SelectionRules.Parse("best"));
}
