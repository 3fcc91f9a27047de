using Sana.Inference.Captioning;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Captioning;

public sealed class TokenSamplerTests
{
    private static readonly float[] _logits = [1, 3, 2, -1, 3];

    [Fact]
    public void The_first_of_the_likeliest_is_taken_without_temperature() => Assert.Equal(1, Choice(new()).Next(_logits, 0));

    [Fact]
    public void What_was_said_becomes_less_likely()
    {
        var choice = Choice(new() { RepetitionPenalty = 4 });

        Assert.Equal([1, 4, 2, 0, 1], Enumerable.Range(0, 5).Select(at => choice.Next(_logits, at)!.Value)); // 3/4 is the most that is left then
    }

    [Fact]
    public void A_negative_logit_is_multiplied()
    {
        var choice = Choice(new() { RepetitionPenalty = 2 });

        Assert.Equal([1, 0, 1], Enumerable.Range(0, 3).Select(at => choice.Next([-1.5f, -1, -9, -9, -9], at)!.Value));
    }

    [Fact]
    public void Draws_come_as_often_as_their_probabilities_say()
    {
        var counts = new int[5];
        for (ulong seed = 0; seed < 4_000; seed++) counts[Choice(new() { Temperature = 2, Seed = seed }).Next(_logits, 3)!.Value]++;

        var weights = _logits.Select(logit => Math.Exp(logit / 2)).ToArray();
        for (var id = 0; id < 5; id++)
        {
            var expected = 4_000 * weights[id] / weights.Sum();
            Assert.InRange(counts[id], expected - (5 * Math.Sqrt(expected)), expected + (5 * Math.Sqrt(expected)));
        }
    }

    [Fact]
    public void Only_the_head_of_the_distribution_is_drawn_from()
    {
        // 1 and 4 have 0.79 together, either of them 0.40.
        var drawn = Enumerable.Range(0, 500).Select(seed => Choice(new() { Temperature = 1, TopP = 0.7, Seed = (ulong)seed }).Next(_logits, 0)!.Value).Distinct().Order();

        Assert.Equal([1, 4], drawn);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Logits_that_are_no_numbers_choose_nothing(float bad)
    {
        Assert.Null(Choice(new()).Next([1, bad, 2, 3, 4], 0));
        Assert.Null(Choice(new() { Temperature = 1 }).Next([1, bad, 2, 3, 4], 0));
    }

    [Fact]
    public void A_token_that_is_ruled_out_is_never_drawn() =>
        Assert.All(Enumerable.Range(0, 200), seed => Assert.NotEqual(0, Choice(new() { Temperature = 10, Seed = (ulong)seed }).Next([float.NegativeInfinity, 0, 0, 0, 0], 0)));

    private static TokenSampler Choice(GenerationOptions options) => new(TinyCaptioner.Image(1), 5, options);
}
