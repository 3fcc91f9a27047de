using System.Globalization;
using Sana.Jobs.Schedules;
using Xunit;

namespace Sana.Tests.Schedules;

public sealed class ScheduleTests
{
    [Theory]
    [InlineData("0 */5 * * * *", "UTC", "2026-11-23T07:52:10Z", "2026-11-23T07:55:00Z")]
    [InlineData("*/15 * * * * *", "UTC", "2026-11-23T07:52:10Z", "2026-11-23T07:52:15Z")]
    [InlineData("30 2 * * *", "UTC", "2026-11-23T07:52:10Z", "2026-11-24T02:30:00Z")]
    [InlineData("0 30 9 * * 1-5", "UTC", "2026-11-27T10:00:00Z", "2026-11-30T09:30:00Z")]
    [InlineData("0 30 9 * * MON-FRI", "Europe/Berlin", "2026-11-27T10:00:00Z", "2026-11-30T08:30:00Z")]
    [InlineData("0 0 0 29 2 *", "UTC", "2026-11-23T00:00:00Z", "2028-02-29T00:00:00Z")]
    public void The_next_tick_is_found(string cron, string zone, string after, string next)
    {
        var schedule = new Schedule { Name = "s", Cron = cron, Zone = zone };

        Assert.Equal(Utc(next), schedule.Next(Utc(after)));
    }

    [Fact]
    public void An_hour_that_the_clock_skips_ticks_when_it_is_over()
    {
        var schedule = new Schedule { Name = "s", Cron = "30 2 * * *", Zone = "Europe/Berlin" };

        Assert.Equal(Utc("2026-03-29T01:00:00Z"), schedule.Next(Utc("2026-03-28T12:00:00Z")));
    }

    [Fact]
    public void A_day_that_never_comes_has_no_tick() => Assert.Null(new Schedule { Name = "s", Cron = "0 0 0 31 2 *" }.Next(Utc("2026-11-23T00:00:00Z")));

    [Theory]
    [InlineData("", "UTC")]
    [InlineData("every day", "UTC")]
    [InlineData("61 * * * *", "UTC")]
    [InlineData("* * * * * * *", "UTC")]
    [InlineData("* * * * *", "Mars/Olympus")]
    public void What_cannot_be_read_is_refused_with_the_schedules_name(string cron, string zone)
    {
        var schedule = new Schedule { Name = "nightly", Cron = cron, Zone = zone };

        Assert.Contains("nightly", Assert.Throws<SanaException>(() => schedule.Next(Utc("2026-11-23T00:00:00Z"))).Message, StringComparison.Ordinal);
    }

    private static DateTime Utc(string text) => DateTime.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal);
}
