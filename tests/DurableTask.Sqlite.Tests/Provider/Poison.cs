using DurableTask.Core;
using DurableTask.Core.Exceptions;
using Microsoft.Extensions.Logging;
using Xunit;

namespace DurableTask.Sqlite.Tests.Provider;

/// <summary>Work that cannot be run comes again later, and the rest goes on.</summary>
public class Poison
{
    [Fact]
    public async Task A_session_that_aborts_is_tried_again()
    {
        var (turns, calls) = (0, 0);
        await using var hub = await new TaskHub()
            .Activity<int, int>("Aborts", number => Interlocked.Increment(ref calls) == 1 ? throw new SessionAbortedException("once") : number)
            .Orchestration<int, int>("Aborts", (run, number) => ++turns == 1 ? throw new SessionAbortedException("once") : run.Call<int>("Aborts", number)).Start();

        Assert.Equal("Completed 7", await hub.Answer("Aborts", 7));
        Assert.Equal((2, 2), (turns, calls));
    }

    [Fact]
    public async Task Waits_grow_and_others_go_on_meanwhile()
    {
        using var log = new Waits();
        var turns = 0;
        await using var hub = new TaskHub()
            .Activity<int, int>("Same", number => number)
            .Orchestration<int, int>("Aborts", (_, number) => ++turns < 4 ? throw new SessionAbortedException("again") : Task.FromResult(number))
            .Orchestration<int, int>("Good", (run, number) => run.Call<int>("Same", number));
        hub.Settings = hub.Settings with { LoggerFactory = LoggerFactory.Create(logging => logging.AddProvider(log)) };
        await hub.Start();

        await hub.Begin("Aborts", 1, "i");
        await TaskHub.Eventually(() => turns == 2);
        var good = await Task.WhenAll(Enumerable.Range(0, 20).Select(number => hub.Answer("Good", number)));
        var (turnsWhenGood, end) = (turns, await hub.Wait("i"));

        Assert.Equal(Enumerable.Range(0, 20).Select(number => $"Completed {number}"), good);
        Assert.InRange(turnsWhenGood, 2, 3);
        Assert.Equal("Completed 1", TaskHub.Tell(end));
        Assert.Equal([1, 2, 4], log.Of("i"));
    }

    [Fact]
    public async Task What_has_no_code_here_waits_for_a_program_that_has_it()
    {
        await using var hub = new TaskHub()
            .Activity<int, int>("Same", number => number)
            .Orchestration<int, int>("Later", (run, number) => run.Call<int>("Same", number))
            .Orchestration<int, int>("Good", (run, number) => run.Call<int>("Same", number));
        hub.Open();
        await hub.Worker.StartAsync();
        await hub.Play("Good", 1);
        await hub.Worker.StopAsync(isForced: true);
        await hub.Begin("Later", 5, "unknown");
        await hub.Close();
        hub.RemoveOrchestration("Later");
        await hub.Start();
        await TaskHub.Eventually(() => hub.Service.IsFailing("unknown"));
        var good = await hub.Answer("Good", 3);
        var seen = await hub.Get("unknown");

        await hub.Kill();
        hub.Orchestration<int, int>("Later", (run, number) => run.Call<int>("Same", number));
        hub.RemoveActivity("Same");
        await hub.Start();
        await hub.Becomes("unknown", OrchestrationStatus.Running);
        await Task.Delay(200);
        var held = hub.Count("activities");

        await hub.Kill();
        hub.Activity<int, int>("Same", number => number);
        await hub.Start();

        Assert.Equal(("Completed 3", OrchestrationStatus.Pending, 1), (good, seen!.OrchestrationStatus, held));
        Assert.Equal("Completed 5", TaskHub.Tell(await hub.Wait("unknown")));
    }

    [Fact]
    public async Task What_cannot_be_run_can_be_terminated()
    {
        await using var hub = await new TaskHub().Orchestration<int, string>("Aborts", async (run, _) =>
        {
            await run.Event("go");
            throw new SessionAbortedException("always");
        }).Start();
        await hub.Begin("Aborts", 1, "i");
        await hub.Becomes("i", OrchestrationStatus.Running);
        await hub.Raise("i", "go");
        await TaskHub.Eventually(() => hub.Service.IsFailing("i"));

        await hub.Terminate("i");

        Assert.Equal("Terminated enough", TaskHub.Tell(await hub.Wait("i")));
        Assert.Equal(0, hub.Count("messages"));
    }

    /// <summary>The seconds that the log says, by instance.</summary>
    private sealed class Waits : ILoggerProvider, ILogger
    {
        private readonly List<(string Instance, double Seconds)> _seen = [];

        public IEnumerable<double> Of(string instance)
        {
            lock (_seen)
                return [.. _seen.Where(seen => seen.Instance == instance).Select(seen => seen.Seconds)];
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Id != 103 || state is not IReadOnlyList<KeyValuePair<string, object?>> values)
                return;
            lock (_seen)
                _seen.Add(((string)values.First(value => value.Key == "Instance").Value!, ((TimeSpan)values.First(value => value.Key == "Wait").Value!).TotalSeconds));
        }

        public void Dispose()
        {
        }
    }
}
