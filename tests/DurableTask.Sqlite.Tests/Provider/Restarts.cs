using System.Collections.Concurrent;
using DurableTask.Core;
using DurableTask.Core.History;
using Xunit;

namespace DurableTask.Sqlite.Tests.Provider;

/// <summary>The service stops, starts again, stalls and dies between any two things: nothing is lost, and nothing comes twice.</summary>
public class Restarts
{
    [Fact]
    public async Task The_same_service_stops_and_starts_again_and_again()
    {
        await using var hub = await Work(new()).Start();
        await hub.Begin("Works", 300, "i");

        for (var stop = 0; stop < 12; stop++)
        {
            await Task.Delay(stop * 3);
            await hub.Worker.StopAsync(isForced: stop % 2 == 0);
            await hub.Worker.StartAsync();
        }

        Assert.Equal("Completed 300", TaskHub.Tell(await hub.Wait("i")));
        AssertOnce(await History(hub, "i"), 300);
    }

    [Fact]
    public async Task A_process_that_dies_again_and_again_goes_on()
    {
        var effects = new ConcurrentDictionary<int, int>();
        await using var hub = await Work(effects).Start();
        await hub.Begin("Works", 300, "i");

        for (var kill = 0; kill < 12; kill++)
        {
            await Task.Delay(kill * 4);
            await hub.Kill();
            await hub.Start();
        }

        Assert.Equal("Completed 300", TaskHub.Tell(await hub.Wait("i")));
        Assert.Equal(Enumerable.Range(0, 300), effects.Keys.Order());
        AssertOnce(await History(hub, "i"), 300);
    }

    [Fact]
    public async Task A_step_that_runs_over_a_restart_is_recorded_once()
    {
        var (begun, gate) = (0, new TaskCompletionSource<int>());
        await using var hub = await new TaskHub()
            .AsyncActivity<int, int>("Gated", _ =>
            {
                Interlocked.Increment(ref begun);
                return gate.Task;
            })
            .Orchestration<int, string>("Steps", async (run, number) => $"{await run.Call<int>("Gated", number)} {await run.Event("end")}").Start();
        await hub.Begin("Steps", 1, "i");
        await TaskHub.Eventually(() => begun == 1);

        // The first one still runs when the second one begins.
        await hub.Worker.StopAsync(isForced: true);
        await hub.Worker.StartAsync();
        await TaskHub.Eventually(() => begun == 2);
        gate.SetResult(7);
        await TaskHub.Eventually(() => hub.Count("activities") == 0);
        await hub.Raise("i", "end", "end");

        Assert.Equal("Completed \"7 end\"", TaskHub.Tell(await hub.Wait("i")));
        AssertOnce(await History(hub, "i"), 1);
    }

    [Fact]
    public async Task A_step_that_ends_while_the_service_stands_still_is_recorded()
    {
        var (begun, gate) = (0, new TaskCompletionSource<int>());
        await using var hub = await new TaskHub()
            .AsyncActivity<int, int>("Gated", _ =>
            {
                Interlocked.Increment(ref begun);
                return gate.Task;
            })
            .Orchestration<int, int>("Steps", (run, number) => run.Call<int>("Gated", number)).Start();
        await hub.Begin("Steps", 1, "i");
        await TaskHub.Eventually(() => begun == 1);
        await hub.Worker.StopAsync(isForced: true);

        gate.SetResult(7);
        await TaskHub.Eventually(() => hub.Count("messages") == 1);
        await hub.Worker.StartAsync();

        Assert.Equal(("Completed 7", 1), (TaskHub.Tell(await hub.Wait("i")), begun));
    }

    [Fact]
    public async Task A_turn_that_is_not_written_when_the_service_stops_runs_again()
    {
        var (turns, gate) = (0, new ManualResetEventSlim());
        await using var hub = await new TaskHub()
            .Activity<int, int>("Same", number => number)
            .Orchestration<int, int>("Slow", (run, number) =>
            {
                if (Interlocked.Increment(ref turns) == 1)
                    gate.Wait(TestContext.Current.CancellationToken);
                return run.Call<int>("Same", number);
            }).Start();
        await hub.Begin("Slow", 7, "i");
        await TaskHub.Eventually(() => turns == 1);

        await hub.Worker.StopAsync(isForced: true);
        await hub.Worker.StartAsync();
        await TaskHub.Eventually(() => turns >= 2);
        gate.Set();

        Assert.Equal("Completed 7", TaskHub.Tell(await hub.Wait("i")));
        AssertOnce(await History(hub, "i"), 1);
    }

    [Fact]
    public async Task A_process_that_stalls_and_wakes_after_its_heir_changes_nothing()
    {
        var (turns, gate) = (0, new ManualResetEventSlim());
        await using var hub = await new TaskHub()
            .Activity<int, int>("Same", number => number)
            .Orchestration<int, int>("Slow", (run, number) =>
            {
                if (Interlocked.Increment(ref turns) == 1)
                    gate.Wait(TestContext.Current.CancellationToken);
                return run.Call<int>("Same", number);
            }).Start();
        await hub.Begin("Slow", 7, "i");
        await TaskHub.Eventually(() => turns == 1);

        await hub.Kill();
        await hub.Start();
        var end = TaskHub.Tell(await hub.Wait("i"));
        gate.Set();
        await hub.Begin("Slow", 8, "j");

        Assert.Equal(("Completed 7", "Completed 8"), (end, TaskHub.Tell(await hub.Wait("j"))));
        AssertOnce(await History(hub, "i"), 1);
    }

    [Fact]
    public async Task What_is_sent_while_the_service_starts_comes_once()
    {
        await using var hub = new TaskHub().Orchestration<int, string>("Counts", async (run, count) =>
        {
            var heard = new List<string>();
            while (heard.Count < count)
                heard.Add(await run.Event("number"));
            await run.Event("end");
            return string.Join(' ', heard);
        });
        await hub.Start();
        await hub.Begin("Counts", 400, "i");
        await hub.Becomes("i", OrchestrationStatus.Running);

        var raised = Task.Run(async () =>
        {
            for (var number = 0; number < 400; number++)
                await hub.Raise("i", "number", number);
        });
        while (!raised.IsCompleted)
        {
            await hub.Worker.StopAsync(isForced: true);
            await hub.Worker.StartAsync();
        }

        await raised;
        await hub.Raise("i", "end");

        Assert.Equal($"Completed \"{string.Join(' ', Enumerable.Range(0, 400))}\"", TaskHub.Tell(await hub.Wait("i")));
    }

    [Fact]
    public async Task A_journal_in_memory_does_the_same_and_ends_with_its_service()
    {
        await using var hub = Work(new());
        hub.Settings = hub.Settings with { Path = SqliteOrchestrationServiceSettings.InMemory };
        await hub.Start();

        var answer = await hub.Answer("Works", 100, "i");
        await hub.Worker.StopAsync(isForced: true);
        await hub.Worker.StartAsync();
        var kept = await hub.Get("i");
        await hub.Close();
        await hub.Start();

        Assert.Equal(("Completed 100", "Completed 100", null), (answer, TaskHub.Tell(kept!), await hub.Get("i")));
        Assert.False(File.Exists(hub.Path));
    }

    private static async Task<List<HistoryEvent>> History(TaskHub hub, string id)
    {
        await hub.Close();
        var journal = Journal.Open(hub.Path, write: false, survivePowerLoss: false);
        using (journal)
            return journal.History(id);
    }

    private static void AssertOnce(List<HistoryEvent> history, int steps)
    {
        Assert.Equal(steps, history.OfType<TaskScheduledEvent>().Count());
        Assert.Equal(history.OfType<TaskScheduledEvent>().Select(step => step.EventId).Order(), history.OfType<TaskCompletedEvent>().Select(step => step.TaskScheduledId).Order());
    }

    private static TaskHub Work(ConcurrentDictionary<int, int> effects) => new TaskHub()
        .Activity<int, int>("Effect", number =>
        {
            effects.AddOrUpdate(number, 1, (_, count) => count + 1);
            return 1;
        })
        .Orchestration<int, int>("Works", async (run, count) =>
        {
            var done = 0;
            for (var first = 0; first < count; first += 10)
                done += (await Task.WhenAll(Enumerable.Range(first, 10).Select(number => run.Call<int>("Effect", number)))).Sum();
            return done;
        });
}
