using Sana.Workflows.Contract;
using Xunit;

namespace Sana.Tests.Contract;

public class StepRetryTests
{
    [Fact]
    public void Defaults_are_those_of_the_documentation()
    {
        var retry = new StepRetry();

        Assert.Equal((3, 1, 2.0, 300), (retry.MaxAttempts, retry.FirstInterval.TotalSeconds, retry.Backoff, retry.MaxInterval.TotalSeconds));
        Assert.Empty(retry.ExceptFor);
    }

    [Fact]
    public void Waits_grow_up_to_the_longest()
    {
        var retry = new StepRetry { FirstInterval = TimeSpan.FromSeconds(2), Backoff = 3, MaxInterval = TimeSpan.FromSeconds(20) };

        var waits = Enumerable.Range(1, 5).Append(1000).Select(attempt => retry.After(attempt).TotalSeconds);

        Assert.Equal([2, 6, 18, 20, 20, 20], waits);
    }

    [Fact]
    public void The_last_attempt_and_hopeless_errors_are_not_followed_by_another()
    {
        var retry = new StepRetry { MaxAttempts = 2, ExceptFor = ["Hopeless"] };

        Assert.True(retry.Allows(1, "Curable"));
        Assert.False(retry.Allows(2, "Curable"));
        Assert.False(retry.Allows(1, "Hopeless"));
    }

    [Fact]
    public void Values_outside_the_limits_are_refused_with_the_limit()
    {
        Assert.Contains("MaxAttempts 0 is outside 1…1000.", Message(() => new StepRetry { MaxAttempts = 0 }), StringComparison.Ordinal);
        Assert.Contains("MaxAttempts 1001 is outside 1…1000.", Message(() => new StepRetry { MaxAttempts = 1001 }), StringComparison.Ordinal);
        Assert.Contains("must be more than zero", Message(() => new StepRetry { FirstInterval = TimeSpan.Zero }), StringComparison.Ordinal);
        Assert.Contains("must be more than zero", Message(() => new StepRetry { MaxInterval = TimeSpan.Zero }), StringComparison.Ordinal);
        Assert.Contains("Backoff 0.5 is outside 1…100.", Message(() => new StepRetry { Backoff = 0.5 }), StringComparison.Ordinal);
        Assert.Equal((1, 1000), (new StepRetry { MaxAttempts = 1 }.MaxAttempts, new StepRetry { MaxAttempts = 1000 }.MaxAttempts));
    }

    private static string Message(Func<StepRetry> make) => Assert.Throws<ArgumentOutOfRangeException>(make).Message;
}
