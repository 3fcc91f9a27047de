using Microsoft.Extensions.Time.Testing;
using Sana.Curation.Captioning.Chat;
using Xunit;

namespace Sana.Tests.Captioning;

public sealed class MinuteRateLimitTests
{
    [Fact]
    public void A_tenth_of_a_minute_may_be_spent_at_once_and_the_rest_is_even()
    {
        var time = new FakeTimeProvider();
        var budget = new MinuteRateLimit(60, time);

        var takes = Enumerable.Range(0, 10).Select(_ => budget.Take(1, CancellationToken.None)).ToArray();

        Assert.Equal(7, takes.Count(take => take.IsCompleted));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(8, takes.Count(take => take.IsCompleted));
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(10, takes.Count(take => take.IsCompleted));
    }

    [Fact]
    public void Over_a_long_time_no_more_goes_through_than_the_budget_allows()
    {
        var time = new FakeTimeProvider();
        var budget = new MinuteRateLimit(600, time);

        var takes = Enumerable.Range(0, 5000).Select(_ => budget.Take(1, CancellationToken.None)).ToArray();
        time.Advance(TimeSpan.FromMinutes(5));

        Assert.InRange(takes.Count(take => take.IsCompleted), 3000, 3000 + 61);
    }

    [Fact]
    public void An_estimate_that_was_too_high_is_given_back()
    {
        var time = new FakeTimeProvider();
        var budget = new MinuteRateLimit(60, time);
        Assert.True(budget.Take(60, CancellationToken.None).IsCompleted);

        budget.Correct(-54);

        Assert.True(budget.Take(1, CancellationToken.None).IsCompleted);
    }

    [Fact]
    public void An_estimate_that_was_too_low_is_paid_later()
    {
        var time = new FakeTimeProvider();
        var budget = new MinuteRateLimit(60, time);
        Assert.True(budget.Take(1, CancellationToken.None).IsCompleted);

        budget.Correct(30);
        var next = budget.Take(1, CancellationToken.None);

        time.Advance(TimeSpan.FromSeconds(24));
        Assert.False(next.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(next.IsCompleted);
    }

    [Fact]
    public async Task Who_leaves_the_line_is_not_waited_for()
    {
        var budget = new MinuteRateLimit(1, new FakeTimeProvider());
        await budget.Take(1, CancellationToken.None);
        using var stop = new CancellationTokenSource();

        var waiting = budget.Take(1, stop.Token);
        stop.Cancel();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }
}
