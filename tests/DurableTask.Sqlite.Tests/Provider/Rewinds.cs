using DurableTask.Core;
using Xunit;

namespace DurableTask.Sqlite.Tests.Provider;

/// <summary>A failed instance goes on: what failed runs again, what succeeded does not.</summary>
public class Rewinds
{
    private readonly HashSet<string> _broken = [];
    private readonly List<string> _calls = [];

    [Fact]
    public async Task A_failed_step_runs_again()
    {
        await using var hub = await Hub().Start();
        _broken.Add("b");
        await hub.Play("Chain", "abc", "i");

        _broken.Clear();
        await hub.Service.RewindTaskOrchestrationAsync("i", "repaired");

        Assert.Equal("Completed \"ABC\"", TaskHub.Tell(await hub.Wait("i")));
        Assert.Equal("a b b c", string.Join(' ', _calls));
    }

    [Fact]
    public async Task Several_failures_are_rewound_one_after_the_other()
    {
        await using var hub = await Hub().Start();
        _broken.UnionWith(["a", "c"]);
        await hub.Play("Chain", "abc", "i");

        _broken.Remove("a");
        await hub.Service.RewindTaskOrchestrationAsync("i", "one");
        var second = await hub.Wait("i");
        _broken.Remove("c");
        await hub.Service.RewindTaskOrchestrationAsync("i", "two");
        var third = await hub.Wait("i");

        Assert.Equal((OrchestrationStatus.Failed, "Completed \"ABC\""), (second.OrchestrationStatus, TaskHub.Tell(third)));
        Assert.Equal("a a b c c", string.Join(' ', _calls));
    }

    [Fact]
    public async Task Of_a_fan_out_only_the_failed_ones_run_again()
    {
        await using var hub = await Hub().Start();
        _broken.UnionWith(["b", "d"]);
        await hub.Play("FanOut", "abcde", "i");

        _broken.Clear();
        await hub.Service.RewindTaskOrchestrationAsync("i", "repaired");

        Assert.Equal("Completed \"ABCDE\"", TaskHub.Tell(await hub.Wait("i")));
        Assert.Equal("a b b c d d e", string.Join(' ', _calls.Order()));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Failed_children_go_on_from_the_bottom(int depth)
    {
        await using var hub = await Hub().Start();
        _broken.Add("b");
        var failed = await hub.Play("Nest", depth, "i");

        _broken.Clear();
        await hub.Service.RewindTaskOrchestrationAsync("i", "repaired");
        var end = await hub.Wait("i");

        Assert.Equal((OrchestrationStatus.Failed, "Completed \"ABC\""), (failed.OrchestrationStatus, TaskHub.Tell(end)));
        Assert.Equal("a b b c", string.Join(' ', _calls));
        Assert.Equal((depth + 1, 0, failed.CreatedTime), (hub.Count("instances WHERE status=1"), hub.Count("messages"), end.CreatedTime));
    }

    [Fact]
    public async Task A_child_that_fails_by_its_own_code_runs_again()
    {
        var isBroken = true;
        await using var hub = await Hub()
            .Orchestration<int, string>("Own", (_, _) => isBroken ? throw new InvalidDataException("broken") : Task.FromResult("good"))
            .Orchestration<int, string>("Parent", (run, number) => run.Child<string>("Own", number, "child")).Start();
        await hub.Play("Parent", 1, "i");

        isBroken = false;
        await hub.Service.RewindTaskOrchestrationAsync("i", "repaired");

        Assert.Equal("Completed \"good\"", TaskHub.Tell(await hub.Wait("i")));
    }

    [Fact]
    public async Task Who_waits_after_the_call_waits_for_what_comes()
    {
        await using var hub = await Hub().Start();
        _broken.Add("b");
        await hub.Play("Chain", "abc", "i");
        await hub.Worker.StopAsync(isForced: true);

        await hub.Service.RewindTaskOrchestrationAsync("i", "repaired");
        var pending = await hub.Get("i");
        await hub.Terminate("i");

        Assert.Equal((OrchestrationStatus.Pending, null, null), (pending!.OrchestrationStatus, pending.Output, pending.FailureDetails));
        Assert.Equal("Terminated enough", TaskHub.Tell(await hub.Wait("i")));
    }

    [Fact]
    public async Task A_rewind_outlives_a_kill()
    {
        await using var hub = await Hub().Start();
        _broken.Add("b");
        await hub.Play("Nest", 2, "i");
        await hub.Worker.StopAsync(isForced: true);
        await hub.Service.RewindTaskOrchestrationAsync("i", "repaired");

        await hub.Kill();
        _broken.Clear();
        await hub.Start();

        Assert.Equal("Completed \"ABC\"", TaskHub.Tell(await hub.Wait("i")));
    }

    [Fact]
    public async Task A_rewound_child_that_is_terminated_still_answers_its_parent()
    {
        await using var hub = await Hub().Start();
        _broken.Add("b");
        await hub.Play("Nest", 1, "i");
        hub.RemoveOrchestration("Chain");
        await hub.Close();
        await hub.Start();
        await hub.Service.RewindTaskOrchestrationAsync("i", "repaired");
        await hub.Becomes("i.child", OrchestrationStatus.Running);
        await TaskHub.Eventually(() => hub.Service.IsFailing("i.child"));

        await hub.Terminate("i.child");

        Assert.Equal("Terminated enough", TaskHub.Tell(await hub.Wait("i.child")));
        Assert.Equal(OrchestrationStatus.Failed, (await hub.Wait("i")).OrchestrationStatus);
    }

    [Fact]
    public async Task A_child_that_was_purged_fails_again_with_a_sentence()
    {
        await using var hub = await Hub().Start();
        _broken.Add("b");
        await hub.Play("Nest", 1, "i");
        await hub.Service.PurgeInstanceStateAsync("i.child");

        await hub.Service.RewindTaskOrchestrationAsync("i", "repaired");

        Assert.Contains("it was purged, and cannot be rewound", (await hub.Wait("i")).FailureDetails.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_has_not_failed_is_refused()
    {
        await using var hub = await Hub().Orchestration<int, string>("Waits", (run, _) => run.Event("never")).Start();
        await hub.Play("Chain", "a", "completed");
        await hub.Begin("Waits", 1, "running");
        await hub.Becomes("running", OrchestrationStatus.Running);

        var messages = new List<string>();
        foreach (var id in new[] { "completed", "running", "absent" })
            messages.Add((await Assert.ThrowsAsync<InvalidOperationException>(() => hub.Service.RewindTaskOrchestrationAsync(id, "why"))).Message);

        Assert.Equal(["completed is Completed.", "running is Running.", "absent does not exist."], messages.Select(message => message["Only a failed instance can be rewound; ".Length..]));
    }

    [Fact]
    public async Task A_second_rewind_changes_nothing_and_an_event_behind_it_is_heard()
    {
        await using var hub = await Hub()
            .Orchestration<int, string>("Mixed", async (run, _) =>
            {
                await run.Call<string>("Upper", "b");
                return await run.Event("word");
            }).Start();
        _broken.Add("b");
        await hub.Play("Mixed", 1, "i");
        await hub.Worker.StopAsync(isForced: true);
        _broken.Clear();

        // One batch when the worker starts again.
        await hub.Service.RewindTaskOrchestrationAsync("i", "one");
        await hub.Service.RewindTaskOrchestrationAsync("i", "two");
        await hub.Raise("i", "word", "hello");
        await hub.Worker.StartAsync();

        Assert.Equal("Completed \"hello\"", TaskHub.Tell(await hub.Wait("i")));
        Assert.Equal(2, _calls.Count);
    }

    private TaskHub Hub() => new TaskHub()
        .Activity<string, string>("Upper", text =>
        {
            lock (_calls)
                _calls.Add(text);
            return _broken.Contains(text) ? throw new InvalidDataException($"{text} is broken") : text.ToUpperInvariant();
        })
        .Orchestration<string, string>("Chain", async (run, letters) =>
        {
            var result = "";
            foreach (var letter in letters)
                result += await run.Call<string>("Upper", $"{letter}");
            return result;
        })
        .Orchestration<string, string>("FanOut", async (run, letters) => string.Concat(await Task.WhenAll(letters.Select(letter => run.Call<string>("Upper", $"{letter}")))))
        .Orchestration<int, string>("Nest", (run, depth) => depth == 1 ? run.Child<string>("Chain", "abc", $"{run.Id}.child") : run.Child<string>("Nest", depth - 1, $"{run.Id}.child"));
}
