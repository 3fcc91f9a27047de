using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace DurableTask.Sqlite.Tests;

public class TimerQueueTests
{
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public void Timers_ring_in_the_order_of_their_times()
    {
        using var queue = new TimerQueue(_clock);
        var rung = new List<int>();
        foreach (var minutes in new[] { 3, 1, 2 })
            queue.Add(In(TimeSpan.FromMinutes(minutes)), () => rung.Add(minutes));

        _clock.Advance(TimeSpan.FromMinutes(2.5));

        Assert.Equal([1, 2], rung);
    }

    [Fact]
    public void A_time_that_has_passed_rings_at_once()
    {
        using var queue = new TimerQueue(_clock);
        var rung = 0;
        queue.Add(In(TimeSpan.FromMinutes(-1)), () => rung++);

        _clock.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal(1, rung);
    }

    [Fact]
    public void Two_months_are_not_too_long_for_an_alarm_that_takes_49_days()
    {
        using var queue = new TimerQueue(_clock);
        var rung = 0;
        queue.Add(In(TimeSpan.FromDays(60)), () => rung++);

        _clock.Advance(TimeSpan.FromDays(59));
        Assert.Equal(0, rung);
        _clock.Advance(TimeSpan.FromDays(2));

        Assert.Equal(1, rung);
    }

    [Fact]
    public void A_clock_that_is_set_forward_is_noticed_within_ten_seconds()
    {
        using var queue = new TimerQueue(_clock);
        var rung = 0;
        queue.Add(In(TimeSpan.FromHours(8)), () => rung++);

        _clock.AdjustTime(_clock.GetUtcNow().AddHours(9));
        Assert.Equal(0, rung);
        _clock.Advance(TimeSpan.FromSeconds(10.1));

        Assert.Equal(1, rung);
    }

    [Fact]
    public void What_waits_for_some_time_can_be_brought_forward_and_an_hour_stays()
    {
        using var queue = new TimerQueue(_clock);
        List<string> rung = [];
        queue.Add(In(TimeSpan.FromHours(2)), () => rung.Add("hour"), isHour: true);
        queue.Add(In(TimeSpan.FromHours(3)), () => rung.Add("time"), "owner");
        queue.Add(In(TimeSpan.FromHours(4)), () => rung.Add("removed"), "other");

        queue.Advance(TimeSpan.FromHours(2.5));
        queue.Remove("other");
        _clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(["time"], rung);
        _clock.Advance(TimeSpan.FromHours(10));

        Assert.Equal(["time", "hour"], rung);
    }

    [Fact]
    public void What_is_removed_does_not_ring_and_does_not_stay()
    {
        using var queue = new TimerQueue(_clock);
        var rung = new List<string>();
        queue.Add(In(TimeSpan.FromMinutes(1)), () => rung.Add("kept"), "kept");
        for (var round = 0; round < 100; round++)
        {
            for (var number = 0; number < 100; number++)
                queue.Add(In(TimeSpan.FromDays(30)), () => rung.Add("removed"), "removed");
            queue.Remove("removed");
        }

        Assert.InRange(queue.Count, 1, 1_101);
        _clock.Advance(TimeSpan.FromDays(31));

        Assert.Equal(["kept"], rung);
        Assert.Equal(0, queue.Count);
    }

    private DateTime In(TimeSpan time) => _clock.GetUtcNow().UtcDateTime + time;
}
