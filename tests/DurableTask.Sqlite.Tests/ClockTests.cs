using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Xunit;

namespace DurableTask.Sqlite.Tests;

/// <summary>A clock that is set, while the service runs and while it does not.</summary>
public sealed class ClockTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_timer_lasts_as_long_as_it_was_asked_for_although_the_clock_is_set_back(bool restarts)
    {
        SkewedClock? clock = null;
        await using var host = await SqliteHost.Start(Waits, settings: given => given with { Clock = clock ??= new SkewedClock(given.Clock) });
        IScenarioHost scenarios = host;
        await scenarios.Start("WaitsFor", TimeSpan.FromMinutes(10));
        await scenarios.Eventually(() => Task.FromResult(host.Service.TimersInMemory > 0));
        host.Clock.Advance(TimeSpan.FromMinutes(4));

        clock!.Set(TimeSpan.FromDays(-1));
        if (restarts)
        {
            await host.Kill();
            // Written by the new hour, which is not to hide that the clock was set.
            await scenarios.Start("Chain", 1, "other");
            await scenarios.Wait("other");
            await host.Kill();
        }

        host.Clock.Advance(TimeSpan.FromMinutes(5));
        await Task.Yield();
        Assert.Equal(OrchestrationRuntimeStatus.Running, (await scenarios.Get()).RuntimeStatus);
        // After a restart the time since the last transaction is not known, and is waited for again.
        host.Clock.Advance(TimeSpan.FromMinutes(restarts ? 5.5 : 1.5));

        Assert.Equal(OrchestrationRuntimeStatus.Completed, (await Rings(host)).RuntimeStatus);
    }

    [Fact]
    public async Task A_timer_that_came_due_while_the_clock_was_set_forward_rings()
    {
        SkewedClock? clock = null;
        await using var host = await SqliteHost.Start(Waits, settings: given => given with { Clock = clock ??= new SkewedClock(given.Clock) });
        IScenarioHost scenarios = host;
        await scenarios.Start("WaitsFor", TimeSpan.FromHours(10));
        await scenarios.Eventually(() => Task.FromResult(host.Service.TimersInMemory > 0));

        clock!.Set(TimeSpan.FromHours(11));
        host.Clock.Advance(TimeSpan.FromSeconds(11));

        Assert.Equal(OrchestrationRuntimeStatus.Completed, (await Rings(host)).RuntimeStatus);
    }

    [Fact]
    public async Task A_start_for_a_certain_hour_stays_at_its_hour()
    {
        SkewedClock? clock = null;
        await using var host = await SqliteHost.Start(settings: given => given with { Clock = clock ??= new SkewedClock(given.Clock) });
        IScenarioHost scenarios = host;
        var hour = host.Clock.GetUtcNow().AddHours(2);
        await host.Client.ScheduleNewOrchestrationInstanceAsync("Chain", 1, new StartOrchestrationOptions("i", hour));

        clock!.Set(TimeSpan.FromHours(-5));
        host.Clock.Advance(TimeSpan.FromHours(3));
        Assert.Equal(OrchestrationRuntimeStatus.Pending, (await scenarios.Get()).RuntimeStatus);
        await host.Kill();
        host.Clock.Advance(TimeSpan.FromHours(3));
        Assert.Equal(OrchestrationRuntimeStatus.Pending, (await scenarios.Get()).RuntimeStatus);
        host.Clock.Advance(TimeSpan.FromHours(1.1));

        Assert.Equal(OrchestrationRuntimeStatus.Completed, (await Rings(host)).RuntimeStatus);
    }

    /// <summary>Some milliseconds pass, so that what is due rings.</summary>
    private static async Task<OrchestrationMetadata> Rings(SqliteHost host)
    {
        var ended = ((IScenarioHost)host).Wait();
        for (var looks = 0; !ended.IsCompleted && looks < 3_000; looks++)
        {
            host.Clock.Advance(TimeSpan.FromMilliseconds(1));
            await Task.Delay(1);
        }

        Assert.True(ended.IsCompleted, "The timer did not ring.");
        return await ended;
    }

    private static void Waits(DurableTaskRegistry tasks) => tasks.AddOrchestratorFunc<TimeSpan>("WaitsFor", (context, time) => context.CreateTimer(time, CancellationToken.None));

    /// <summary>A clock whose hour is set while its count goes on.</summary>
    private sealed class SkewedClock(TimeProvider inner) : TimeProvider
    {
        private TimeSpan _skew;

        public override long TimestampFrequency => inner.TimestampFrequency;

        public void Set(TimeSpan skew) => _skew = skew;

        public override DateTimeOffset GetUtcNow() => inner.GetUtcNow() + _skew;

        public override long GetTimestamp() => inner.GetTimestamp();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => inner.CreateTimer(callback, state, dueTime, period);
    }
}
