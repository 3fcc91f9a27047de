using DurableTask.Core;
using DurableTask.Core.Exceptions;
using Xunit;

namespace DurableTask.Sqlite.Tests.Provider;

/// <summary>Terminate, suspend and resume, start again under the same id, wait.</summary>
public class Lives
{
    private static readonly string _large = new('x', 1_000_000);

    [Theory]
    [InlineData("enough")]
    [InlineData("")]
    [InlineData(null)]
    public async Task A_running_instance_is_terminated(string? reason)
    {
        await using var hub = await Listener().Start();
        await hub.Begin("Listens", 1, "i");
        await hub.Says("i", "listening");

        await hub.Terminate("i", reason!);
        var end = await hub.Wait("i");

        Assert.Equal((OrchestrationStatus.Terminated, reason), (end.OrchestrationStatus, end.Output));
        Assert.Equal("\"listening\"", end.Status);
    }

    [Fact]
    public async Task A_reason_may_be_large()
    {
        await using var hub = await Listener().Start();
        await hub.Begin("Listens", 1, "running");
        await hub.Says("running", "listening");
        await hub.Client.CreateScheduledOrchestrationInstanceAsync("Listens", "", "pending", 1, DateTime.UtcNow.AddHours(1));

        await hub.Terminate("running", _large);
        await hub.Terminate("pending", _large);

        Assert.Equal(_large, (await hub.Wait("running")).Output);
        Assert.Equal(_large, (await hub.Wait("pending")).Output);
    }

    [Fact]
    public async Task A_scheduled_instance_that_was_terminated_does_not_begin()
    {
        var begun = 0;
        await using var hub = await new TaskHub().Orchestration<int, int>("Counts", (_, number) => Task.FromResult(begun += number)).Start();
        await hub.Client.CreateScheduledOrchestrationInstanceAsync("Counts", "", "i", 1, DateTime.UtcNow.AddMilliseconds(400));

        await hub.Terminate("i");
        var end = await hub.Wait("i");
        await Task.Delay(600);

        Assert.Equal(("Terminated enough", "Terminated enough", 0), (TaskHub.Tell(end), TaskHub.Tell((await hub.Get("i"))!), begun));
        Assert.Equal(0, hub.Count("messages"));
    }

    [Fact]
    public async Task What_waits_to_run_for_a_terminated_instance_does_not_run()
    {
        var (begun, gate) = (0, new TaskCompletionSource<int>());
        await using var hub = new TaskHub()
            .AsyncActivity<int, int>("Gated", _ =>
            {
                Interlocked.Increment(ref begun);
                return gate.Task;
            })
            .Activity<int, int>("Same", number => number)
            .Orchestration<int, int>("Same", (run, number) => run.Call<int>("Same", number))
            .Orchestration<int, int>("FanOut", async (run, count) => (await Task.WhenAll(Enumerable.Range(0, count).Select(number => run.Call<int>("Gated", number)))).Length);
        hub.Settings = hub.Settings with { MaxConcurrentActivities = 2 };
        await hub.Start();
        await hub.Begin("FanOut", 1_000, "i");
        await TaskHub.Eventually(() => begun == 2);

        await hub.Terminate("i");
        await hub.Wait("i");
        gate.SetResult(1);
        var after = await hub.Answer("Same", 5);

        Assert.Equal(("Completed 5", 2, 0), (after, begun, hub.Count("activities")));
    }

    [Fact]
    public async Task A_suspended_instance_says_why_and_holds_what_comes()
    {
        await using var hub = await Listener().Start();
        await hub.Begin("Listens", 1, "i");
        await hub.Says("i", "listening");

        await hub.Suspend("i", "sleepy");
        await hub.Becomes("i", OrchestrationStatus.Suspended);
        var suspended = await hub.Get("i");
        await hub.Raise("i", "word", "hello");
        await TaskHub.Eventually(() => hub.Count("messages") == 0);
        var held = await hub.Get("i");
        await hub.Resume("i", "wake");
        var end = await hub.Wait("i");

        Assert.Equal(("sleepy", OrchestrationStatus.Suspended, "\"listening\""), (suspended!.Output, held!.OrchestrationStatus, held.Status));
        Assert.Equal(("Completed \"hello\"", "\"done\""), (TaskHub.Tell(end), end.Status));
    }

    [Fact]
    public async Task A_resumed_instance_shows_no_reason_any_more()
    {
        await using var hub = await Listener().Start();
        await hub.Begin("Listens", 1, "i");
        await hub.Suspend("i");
        await hub.Becomes("i", OrchestrationStatus.Suspended);

        await hub.Resume("i");
        await hub.Becomes("i", OrchestrationStatus.Running);

        Assert.Null((await hub.Get("i"))!.Output);
    }

    [Fact]
    public async Task A_suspended_instance_can_be_terminated()
    {
        await using var hub = await Listener().Start();
        await hub.Begin("Listens", 1, "i");
        await hub.Suspend("i");
        await hub.Becomes("i", OrchestrationStatus.Suspended);

        await hub.Terminate("i");

        Assert.Equal("Terminated enough", TaskHub.Tell(await hub.Wait("i")));
    }

    [Theory]
    [InlineData("completed")]
    [InlineData("failed")]
    [InlineData("terminated")]
    public async Task What_has_finished_is_begun_again_under_its_id(string how)
    {
        await using var hub = await Listener()
            .Orchestration<string, string>("Ends", (run, end) => end switch
            {
                "completed" => Task.FromResult(end),
                "failed" => throw new InvalidDataException(end),
                _ => run.Event("never"),
            }).Start();
        await hub.Begin("Ends", how, "i");
        if (how == "terminated")
            await hub.Terminate("i");
        var first = await hub.Wait("i");

        var second = await hub.Play("Ends", "completed", "i");

        Assert.Equal("Completed \"completed\"", TaskHub.Tell(second));
        Assert.NotEqual(first.OrchestrationInstance.ExecutionId, second.OrchestrationInstance.ExecutionId);
        Assert.True(second.CreatedTime >= first.CompletedTime);
        Assert.Equal(1, hub.Count("instances"));
    }

    [Fact]
    public async Task A_running_instance_is_not_begun_again()
    {
        await using var hub = await Listener().Start();
        var first = await hub.Begin("Listens", 1, "i");
        await hub.Says("i", "listening");

        var error = await Assert.ThrowsAsync<OrchestrationAlreadyExistsException>(() => hub.Begin("Listens", 2, "i"));

        Assert.Equal("An instance with the id i exists and is Running.", error.Message);
        Assert.Equal(first.ExecutionId, (await hub.Get("i"))!.OrchestrationInstance.ExecutionId);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_running_instance_is_replaced_where_that_is_asked(bool bySettings)
    {
        await using var hub = Listener();
        if (bySettings)
            hub.Settings = hub.Settings with { DefaultDedupeStatuses = [] };
        await hub.Start();
        var first = await hub.Begin("Listens", 1, "i");
        await hub.Says("i", "listening");

        var second = bySettings ? await hub.Begin("Listens", 2, "i") : await hub.Client.CreateOrchestrationInstanceAsync("Listens", "", "i", 2, null, []);
        await hub.Says("i", "listening");
        var running = await hub.Get("i");
        await hub.Raise("i", "word", "hello");

        Assert.NotEqual(first.ExecutionId, second.ExecutionId);
        Assert.Equal((second.ExecutionId, "2"), (running!.OrchestrationInstance.ExecutionId, running.Input));
        Assert.Equal("Completed \"hello\"", TaskHub.Tell(await hub.Wait("i")));
    }

    [Fact]
    public async Task An_instance_that_is_replaced_in_the_midst_of_its_turns_leaves_nothing()
    {
        await using var hub = new TaskHub()
            .Activity<int, int>("Same", number => number)
            .Orchestration<int, int>("Leaf", async (run, number) => number + (await run.Call<int>("Same", 1)))
            .Orchestration<int, int>("Busy", async (run, rounds) =>
            {
                var sum = 0;
                for (var round = 0; round < rounds; round++)
                    sum += await run.Call<int>("Same", 1) + await run.Child<int>("Leaf", 0, $"{run.Id}/{round}");
                return sum;
            });
        hub.Settings = hub.Settings with { DefaultDedupeStatuses = [] };
        await hub.Start();

        for (var again = 0; again < 60; again++)
        {
            await hub.Begin("Busy", 1_000, "i");
            await Task.Delay(again % 10);
        }

        Assert.Equal("Completed 6", await hub.Answer("Busy", 3, "i"));
        Assert.Equal((4, 0, 0), (hub.Count("instances"), hub.Count("messages"), hub.Count("activities")));
    }

    [Fact]
    public async Task Who_waits_too_long_is_told_nothing()
    {
        await using var hub = await Listener().Start();
        var instance = await hub.Begin("Listens", 1, "i");
        using var cancellation = new CancellationTokenSource(100);

        Assert.Null(await hub.Client.WaitForOrchestrationAsync(instance, TimeSpan.FromMilliseconds(100)));
        Assert.Null(await hub.Client.WaitForOrchestrationAsync(new OrchestrationInstance { InstanceId = "absent" }, TimeSpan.FromMinutes(1)));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => hub.Client.WaitForOrchestrationAsync(instance, TimeSpan.FromMinutes(1), cancellation.Token));
    }

    private static TaskHub Listener() => new TaskHub().Orchestration<int, string>("Listens", async (run, _) =>
    {
        run.Status = "listening";
        var word = await run.Event("word");
        run.Status = "done";
        return word;
    });
}
