using CsCheck;
using Sana.Curation;
using Sana.Curation.Selection;
using Xunit;

namespace Sana.Tests.Selection;

public sealed class CaptionSelectorTests
{
    private static readonly double[] _three = [28, 27, 26];
    private static readonly double[] _measured = [26.7331, 27.1037, 27.2321];

    private static readonly Gen<ScoredCaption[]> _captions = Gen.Double[0, 100].Array[1, 8].Select(scores => Captions(scores));

    [Theory]
    [InlineData(1, 0.3457, 0.3333, 0.3210)]
    [InlineData(0.5, 0.3582, 0.3330, 0.3088)]
    [InlineData(0.1, 0.4605, 0.3201, 0.2195)]
    [InlineData(0.01, 0.9738, 0.0256, 0.0006)]
    public void Power_gives_the_known_probabilities(double tau, params double[] expected) => Equal(expected, SelectionRule.Power, tau, _three, 4);

    [Theory]
    [InlineData(1, 0.6652, 0.2447, 0.0900)]
    [InlineData(0.5, 0.8668, 0.1173, 0.0159)]
    [InlineData(0.1, 1.0, 0.0, 0.0)]
    public void Softmax_gives_the_known_probabilities(double tau, params double[] expected) => Equal(expected, SelectionRule.Softmax, tau, _three, 4);

    [Theory]
    [InlineData(1, 0.3298, 0.3343, 0.3359)]
    [InlineData(0.1, 0.2984, 0.3425, 0.3591)]
    [InlineData(0.01, 0.0884, 0.3501, 0.5616)]
    public void Power_on_measured_scores_gives_what_Sana_draws_with(double tau, params double[] expected) => Equal(expected, SelectionRule.Power, tau, _measured, 4);

    [Theory]
    [InlineData(1, 0.2442, 0.3537, 0.4021)]
    [InlineData(0.1, 0.0053, 0.2157, 0.7790)]
    public void Softmax_on_measured_scores_gives_what_the_paper_says(double tau, params double[] expected) => Equal(expected, SelectionRule.Softmax, tau, _measured, 4);

    [Fact]
    public void Softmax_at_the_smallest_temperature_is_nearly_the_best()
    {
        var probs = Probs(SelectionRule.Softmax, 0.01, _measured);

        Assert.Equal("2e-22 2.7e-06 0.999997", FormattableString.Invariant($"{probs[0]:0e-0} {probs[1]:0.0e-00} {probs[2]:0.000000}"));
    }

    [Fact]
    public void Power_takes_no_temperature_below_a_hundredth() =>
        Assert.Equal(Probs(SelectionRule.Power, 0.01, _three), Probs(SelectionRule.Power, 0, _three));

    [Fact]
    public void Captions_below_the_threshold_are_not_drawn()
    {
        var choice = Select(new SelectionOptions { Threshold = 27 }, Captions(28, 27, 26.99));

        Assert.Equal(0, choice.Probs[2]);
        Assert.True(choice.Probs[1] > 0);
    }

    [Theory]
    [InlineData(SelectionRule.Power)]
    [InlineData(SelectionRule.Softmax)]
    [InlineData(SelectionRule.TopK)]
    public void When_none_passes_the_best_is_taken(SelectionRule rule)
    {
        var choice = Select(new SelectionOptions { Rule = rule, Threshold = 30 }, Captions(26, 28, 27));

        Assert.Equal(("b", 28.0, 1.0), (choice.Label, choice.Score, choice.Prob));
    }

    [Fact]
    public void Scores_that_are_no_numbers_are_no_candidates_and_negative_ones_count_as_0()
    {
        var choice = Select(new SelectionOptions(), Captions(double.NaN, 26, double.PositiveInfinity, -1, null));

        Assert.Equal(new double?[] { null, 1, null, 0, null }, choice.Probs);
        Assert.Equal([0.5, 0.5], Select(new SelectionOptions { Threshold = 0 }, Captions(-1, -2)).Probs);
    }

    [Fact]
    public void Without_any_score_the_original_is_taken_with_score_0()
    {
        var choice = Select(new SelectionOptions(), [new("a", null), new("prompt", double.NaN), new("z", null)]);

        Assert.Equal(("prompt", 0.0, 1.0), (choice.Label, choice.Score, choice.Prob));
    }

    [Fact]
    public void Without_score_and_original_all_are_as_likely()
    {
        var choice = Select(new SelectionOptions(), Captions(null, null));

        Assert.Equal([0.5, 0.5], choice.Probs);
    }

    [Fact]
    public void Without_captions_there_is_a_reason() => Assert.Equal(Reasons.NoCaption, Select(new SelectionOptions(), []).Reason);

    [Fact]
    public void Max_takes_the_best_and_the_first_label_of_equals() =>
        Assert.Equal("a", Select(new SelectionOptions { Rule = SelectionRule.Max }, [new("c", 27), new("a", 27), new("b", 26)]).Label);

    [Fact]
    public void Top_k_draws_from_the_k_best_alike() =>
        Assert.Equal([0, 0.5, 0.5, 0], Select(new SelectionOptions { Rule = SelectionRule.TopK, K = 2 }, Captions(26, 28, 27, 25)).Probs);

    [Fact]
    public void Proportion_draws_by_the_weights_of_the_labels_that_are_there()
    {
        var options = new SelectionOptions { Rule = SelectionRule.Proportion, Proportions = new Dictionary<string, double> { ["prompt"] = 1, ["a"] = 3, ["gone"] = 96 } };

        Assert.Equal([0.75, 0, 0.25], Select(options, [new("a", null), new("b", 30), new("prompt", double.NaN)]).Probs);
    }

    [Fact]
    public void Proportion_without_a_weighted_label_takes_the_original()
    {
        var options = new SelectionOptions { Rule = SelectionRule.Proportion, Proportions = new Dictionary<string, double> { ["gone"] = 1 } };

        Assert.Equal("prompt", Select(options, [new("a", 30), new("prompt", null)]).Label);
    }

    [Fact]
    public void An_image_is_dropped_by_the_score_of_its_original()
    {
        var options = new SelectionOptions { ImageThreshold = 22 };

        Assert.Equal(Reasons.ImageScore, Select(options, [new("a", 30), new("prompt", 21.9)]).Reason);
        Assert.Equal("The image's score 21.90 is below 22.", Select(options, [new("a", 30), new("prompt", 21.9)]).Message);
        Assert.Null(Select(options, [new("a", 30), new("prompt", 22)]).Reason);
    }

    [Fact]
    public void An_image_without_original_is_dropped_by_its_best_score_and_kept_without_scores()
    {
        var options = new SelectionOptions { ImageThreshold = 22 };

        Assert.Equal(Reasons.ImageScore, Select(options, Captions(21, 20)).Reason);
        Assert.Null(Select(options, Captions(23, 20)).Reason);
        Assert.Null(Select(options, Captions(null, null)).Reason);
    }

    [Fact]
    public void Probabilities_sum_to_1_at_any_temperature() => Gen.Select(_captions, Gen.Double[0, 1000], Gen.Enum<SelectionRule>()).Sample((captions, tau, rule) =>
        Math.Abs(Select(new SelectionOptions { Rule = rule, Tau = tau }, captions).Probs.Sum()!.Value - 1) < 1e-12);

    [Fact]
    public void A_better_score_is_never_less_likely() => Gen.Select(_captions, Gen.Double[0, 1000], Gen.Bool.Select(power => power ? SelectionRule.Power : SelectionRule.Softmax)).Sample((captions, tau, rule) =>
    {
        var probs = Select(new SelectionOptions { Rule = rule, Tau = tau, Threshold = 0 }, captions).Probs;
        var ordered = captions.Zip(probs).OrderBy(pair => pair.First.Score).ThenBy(pair => pair.Second).Select(pair => pair.Second!.Value).ToArray();
        return ordered.Zip(ordered.Skip(1)).All(pair => pair.First <= pair.Second);
    });

    [Fact]
    public void Softmax_without_temperature_is_the_best() => _captions.Where(captions => captions.Select(c => c.Score).Distinct().Count() == captions.Length).Sample(captions =>
        Select(new SelectionOptions { Rule = SelectionRule.Softmax, Tau = 0 }, captions).Label == Select(new SelectionOptions { Rule = SelectionRule.Max }, captions).Label);

    [Fact]
    public void The_choice_does_not_depend_on_the_order_of_the_captions() => Gen.Select(_captions, Gen.Int, Gen.Enum<SelectionRule>()).Sample((captions, seed, rule) =>
    {
        var selector = new CaptionSelector(new SelectionOptions { Rule = rule, Tau = 1 });
        var shuffled = captions.ToArray();
        new Random(seed).Shuffle(shuffled);
        return selector.Select(captions, $"{seed}").Label == selector.Select(shuffled, $"{seed}").Label;
    });

    [Fact]
    public void Draws_follow_the_probabilities()
    {
        const int Draws = 100_000;
        var selector = new CaptionSelector(new SelectionOptions { Tau = 0.1, Seed = 42 });
        var captions = Captions(_three.Select(score => (double?)score).ToArray());
        var counts = Enumerable.Range(0, Draws).Select(i => selector.Select(captions, $"key-{i}").Label!).CountBy(label => label).ToDictionary();
        var probs = selector.Select(captions, "any").Probs;

        var chiSquare = captions.Zip(probs).Sum(pair => Math.Pow(counts[pair.First.Label] - (Draws * pair.Second!.Value), 2) / (Draws * pair.Second.Value));

        Assert.True(chiSquare < 13.8, $"{chiSquare:0.0} is beyond the 99.9th percentile of two degrees of freedom."); // The draws are fixed by the seed: no chance in this test.
    }

    [Fact]
    public void Another_seed_draws_otherwise_and_the_same_seed_alike()
    {
        string Labels(ulong seed) => string.Concat(Enumerable.Range(0, 64).Select(i => new CaptionSelector(new SelectionOptions { Seed = seed }).Select(Captions(28, 27, 26), $"{i}").Label));

        Assert.Equal(Labels(1), Labels(1));
        Assert.NotEqual(Labels(1), Labels(2));
    }

    [Fact]
    public void A_draw_is_what_any_language_computes()
    {
        // int.from_bytes(hashlib.sha256((42).to_bytes(8, "little") + "clé".encode()).digest()[:8], "big") >> 11, over 2**53
        Assert.Equal(0.9245711592674883, KeyedDraw.Uniform(42, "clé"), 15);
    }

    private static void Equal(double[] expected, SelectionRule rule, double tau, double[] scores, int digits) =>
        Assert.Equal(expected, Probs(rule, tau, scores).Select(prob => Math.Round(prob, digits, MidpointRounding.AwayFromZero)));

    private static double[] Probs(SelectionRule rule, double tau, double[] scores) =>
        [.. Select(new SelectionOptions { Rule = rule, Tau = tau }, Captions([.. scores])).Probs.Select(prob => prob!.Value)];

    private static ScoredCaption[] Captions(params double?[] scores) => [.. scores.Select((score, i) => new ScoredCaption($"{(char)('a' + i)}", score))];

    private static ScoredCaption[] Captions(double[] scores) => Captions([.. scores.Select(score => (double?)score)]);

    private static CaptionChoice Select(SelectionOptions options, IReadOnlyList<ScoredCaption> captions) => new CaptionSelector(options).Select(captions, "0123");
}
