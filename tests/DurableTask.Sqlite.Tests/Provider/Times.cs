using DurableTask.Core;
using Xunit;

namespace DurableTask.Sqlite.Tests.Provider;

/// <summary>Timers and scheduled starts. Alone, because one test changes the time zone of the process.</summary>
[Collection(nameof(Times))]
[CollectionDefinition(nameof(Times), DisableParallelization = true)]
public class Times
{
    [Fact]
    public async Task A_timer_fires_not_too_early()
    {
        await using var hub = await new TaskHub().Orchestration<int, bool>("Sleeps", async (run, milliseconds) =>
        {
            var begin = run.Context.CurrentUtcDateTime;
            await run.Sleep(TimeSpan.FromMilliseconds(milliseconds));
            return run.Context.CurrentUtcDateTime - begin >= TimeSpan.FromMilliseconds(milliseconds);
        }).Start();

        var state = await hub.Play("Sleeps", 300);

        Assert.Equal("Completed true", TaskHub.Tell(state));
        Assert.True(state.CompletedTime - state.CreatedTime >= TimeSpan.FromMilliseconds(300));
    }

    [Fact]
    public async Task A_time_that_has_passed_fires_at_once()
    {
        await using var hub = await new TaskHub().Orchestration<int, string>("Sleeps", (run, _) => run.Context.CreateTimer(DateTime.MinValue, "up")).Start();

        Assert.Equal("Completed \"up\"", await hub.Answer("Sleeps", 1));
    }

    [Fact]
    public async Task A_timer_that_is_canceled_is_not_waited_for_and_leaves_nothing()
    {
        await using var hub = await new TaskHub()
            .Activity<int, int>("Same", number => number)
            .Orchestration<int, string>("Cancels", async (run, _) =>
            {
                using var cancellation = new CancellationTokenSource();
                var timer = run.Sleep(TimeSpan.FromHours(1), cancellation.Token);
                var first = await Task.WhenAny(timer, run.Call<int>("Same", 1));
                cancellation.Cancel();
                return first == timer ? "timer" : "step";
            }).Start();

        Assert.Equal("Completed \"step\"", await hub.Answer("Cancels", 1));
        Assert.Equal(0, hub.Count("messages"));
    }

    [Fact]
    public async Task Timers_run_beside_each_other()
    {
        await using var hub = await new TaskHub().Orchestration<int, int>("Sleeps", async (run, number) =>
        {
            await run.Sleep(TimeSpan.FromSeconds(1));
            return number;
        }).Start();
        var begin = TimeProvider.System.GetTimestamp();

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(number => hub.Answer("Sleeps", number)));

        Assert.Equal(Enumerable.Range(0, 100).Select(number => $"Completed {number}"), answers);
        Assert.True(TimeProvider.System.GetElapsedTime(begin) < TimeSpan.FromSeconds(50), "One after the other they take 100 seconds.");
    }

    [Fact]
    public async Task Timers_of_an_execution_end_with_it()
    {
        await using var hub = await new TaskHub().Orchestration<int, int>("Eternal", async (run, round) =>
        {
            using var cancellation = new CancellationTokenSource();
            var timers = Enumerable.Range(1, 50).Select(days => run.Sleep(TimeSpan.FromDays(days), cancellation.Token)).ToList();
            await run.Sleep(TimeSpan.Zero);
            cancellation.Cancel();
            if (round < 40)
                run.Context.ContinueAsNew(round + 1);
            else
                await run.Event("end");
            return timers.Count;
        }).Start();

        await hub.Begin("Eternal", 0, "i");
        await TaskHub.Eventually(async () => (await hub.Get("i"))!.Input == "40" && hub.Count("messages WHERE due < 638000000000000000") == 0);

        Assert.InRange(hub.Count("messages"), 0, 51);
        Assert.InRange(hub.Service.TimersInMemory, 0, 1_100);
        await hub.Raise("i", "end");
        await hub.Wait("i");
        Assert.InRange(hub.Service.TimersInMemory, 0, 1_100);
    }

    [Theory]
    [InlineData(DateTimeKind.Utc)]
    [InlineData(DateTimeKind.Local)]
    [InlineData(DateTimeKind.Unspecified)]
    public async Task A_time_of_any_kind_is_understood(DateTimeKind kind)
    {
        using var zone = new Zone("Asia/Tokyo");
        await using var hub = await new TaskHub().Orchestration<DateTime, DateTime>("Sleeps", async (run, due) =>
        {
            await run.Context.CreateTimer(due, true);
            return run.Context.CurrentUtcDateTime;
        }).Start();
        var due = DateTime.UtcNow.AddMilliseconds(1_500);
        var given = kind == DateTimeKind.Local ? due.ToLocalTime() : DateTime.SpecifyKind(due, kind);

        var started = await hub.Client.CreateScheduledOrchestrationInstanceAsync("Sleeps", "", "i", DateTime.MinValue, given);
        var pending = await hub.Get("i");
        var scheduled = await hub.Wait("i");
        var timer = hub.Play("Sleeps", given.AddMilliseconds(1_500), "t");
        var early = await Task.WhenAny(timer, Task.Delay(300));

        Assert.Equal(("i", OrchestrationStatus.Pending, due), (started.InstanceId, pending!.OrchestrationStatus, pending.ScheduledStartTime));
        Assert.True(scheduled.CompletedTime >= due, $"{scheduled.CompletedTime:o} is before {due:o}.");
        Assert.Equal((due, DateTimeKind.Utc), (scheduled.ScheduledStartTime, scheduled.ScheduledStartTime!.Value.Kind));
        Assert.NotEqual(timer, early);
        Assert.True((await timer).CompletedTime >= due.AddMilliseconds(1_500));
    }

    [Fact]
    public async Task A_scheduled_start_outlives_a_kill_and_what_came_before_is_kept_for_it()
    {
        await using var hub = await new TaskHub().Orchestration<int, string>("Listens", (run, _) => run.Event("word")).Start();
        await hub.Client.CreateScheduledOrchestrationInstanceAsync("Listens", "", "i", 1, DateTime.UtcNow.AddSeconds(1));
        await hub.Raise("i", "word", "hello");

        await hub.Kill();
        await hub.Start();

        Assert.Equal("Completed \"hello\"", TaskHub.Tell(await hub.Wait("i")));
    }

    [Fact]
    public async Task An_event_and_a_start_that_is_due_do_not_miss_each_other()
    {
        await using var hub = await new TaskHub().Orchestration<int, string>("Listens", (run, _) => run.Event("word")).Start();

        var answers = await Task.WhenAll(Enumerable.Range(0, 60).Select(async number =>
        {
            await hub.Client.CreateScheduledOrchestrationInstanceAsync("Listens", "", $"i{number}", 1, DateTime.UtcNow.AddMilliseconds(200));
            await Task.Delay(190 + number / 3);
            await hub.Raise($"i{number}", "word", "hello");
            return TaskHub.Tell(await hub.Wait($"i{number}"));
        }));

        Assert.All(answers, answer => Assert.Equal("Completed \"hello\"", answer));
    }

    private sealed class Zone : IDisposable
    {
        private readonly string? _before = Environment.GetEnvironmentVariable("TZ");

        public Zone(string name) => Set(name);

        public void Dispose() => Set(_before);

        private static void Set(string? name)
        {
            Environment.SetEnvironmentVariable("TZ", name);
            TimeZoneInfo.ClearCachedData();
        }
    }
}
