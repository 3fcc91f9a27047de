using Microsoft.Extensions.Time.Testing;
using Sana.Jobs.Durable;
using Sana.Jobs.Schedules;
using Sana.Local.Hosting;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Schedules;

public sealed class RunScheduleTests
{
    private static readonly ScheduledRun _hourly = new(new Schedule { Name = "hourly", Cron = "0 0 * * * *" }, Curate: new ScheduledCuration("s", "d"));

    [Fact]
    public async Task Ticks_that_were_missed_fire_as_one()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 11, 23, 7, 30, 0, TimeSpan.Zero));
        var ticks = System.Threading.Channels.Channel.CreateUnbounded<DateTime>();
        var asked = System.Threading.Channels.Channel.CreateUnbounded<DateTime>();
        var tasks = new TaskRegistry()
            .AddOrchestrator<RunSchedule>()
            .Add(ScheduleActivities.NextTick, (next, _) =>
            {
                asked.Writer.TryWrite(next.After);
                return Task.FromResult(next.Schedule.Next(next.After));
            })
            .Add(ScheduleActivities.StartScheduledRun, (tick, _) =>
            {
                ticks.Writer.TryWrite(tick.Due);
                return Task.FromResult<string?>("run");
            });
        using var folder = new TempFolder();
        await using var engine = await DurableHost.Open(new LocalOptions { Data = folder.Path, Clock = clock });
        await engine.Start(tasks);
        await engine.Client.Start(RunSchedule.Workflow, new ScheduleState(_hourly), "schedule-hourly");
        await asked.Reader.ReadAsync();

        // Five hours pass at once, as they do for a machine that was off.
        while (!ticks.Reader.TryPeek(out _))
        {
            clock.Advance(TimeSpan.FromHours(5));
            await Task.Delay(20);
        }

        Assert.Equal(new DateTime(2026, 11, 23, 8, 0, 0, DateTimeKind.Utc), await ticks.Reader.ReadAsync());
        Assert.True(await asked.Reader.ReadAsync() >= new DateTime(2026, 11, 23, 12, 30, 0, DateTimeKind.Utc));
    }
}
