using DurableTask.Core;
using DurableTask.Core.Exceptions;
using Xunit;

namespace DurableTask.Sqlite.Tests.Provider;

/// <summary>Sub-orchestrations.</summary>
public class Children
{
    [Fact]
    public async Task Children_nest()
    {
        await using var hub = await new TaskHub().Orchestration<int, int>("Nest", async (run, depth) =>
            depth == 0 ? 1 : 1 + await run.Child<int>("Nest", depth - 1, $"{run.Id}/{depth}")).Start();

        var answer = await hub.Answer("Nest", 10, "top");
        var child = await hub.Get("top/10/9");

        Assert.Equal("Completed 11", answer);
        Assert.Equal(("Completed 9", "top/10"), (TaskHub.Tell(child!), child!.ParentInstance.OrchestrationInstance.InstanceId));
    }

    [Fact]
    public async Task The_parent_of_a_chain_has_its_result()
    {
        await using var hub = await new TaskHub()
            .Activity<int[], int>("Multiply", pair => pair[0] * pair[1])
            .Orchestration<int, int>("Factorial", async (run, number) =>
            {
                var result = 1;
                for (var factor = 1; factor <= number; factor++)
                    result = await run.Call<int>("Multiply", new[] { result, factor });
                return result;
            })
            .Orchestration<int, int>("Parent", (run, number) => run.Child<int>("Factorial", number)).Start();

        Assert.Equal("Completed 3628800", await hub.Answer("Parent", 10));
    }

    [Fact]
    public async Task Many_children_run_beside_each_other()
    {
        await using var hub = await new TaskHub()
            .Activity<int, int>("Double", number => 2 * number)
            .Orchestration<int, int>("Child", (run, number) => run.Call<int>("Double", number))
            .Orchestration<int, int>("Parent", async (run, count) =>
                (await Task.WhenAll(Enumerable.Range(0, count).Select(number => run.Child<int>("Child", number)))).Sum()).Start();

        Assert.Equal("Completed 249500", await hub.Answer("Parent", 500));
        Assert.Equal(501, hub.Count("instances WHERE status=1"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_failed_child_is_tried_again(bool ownId)
    {
        var tries = 0;
        await using var hub = await new TaskHub()
            .Orchestration<int, int>("Flaky", (_, good) => Task.FromResult(++tries >= good ? tries : throw new IOException("not yet")))
            .Orchestration<bool, int>("Parent", (run, own) => own
                ? run.Context.CreateSubOrchestrationInstanceWithRetry<int>("Flaky", "", "own", new RetryOptions(TimeSpan.FromMilliseconds(1), 5), 3)
                : run.Context.CreateSubOrchestrationInstanceWithRetry<int>("Flaky", "", new RetryOptions(TimeSpan.FromMilliseconds(1), 5), 3)).Start();

        Assert.Equal("Completed 3", await hub.Answer("Parent", ownId));
        Assert.Equal(ownId ? 2 : 4, hub.Count("instances"));
    }

    [Fact]
    public async Task The_failure_of_a_child_reaches_its_parent()
    {
        await using var hub = await new TaskHub()
            .Orchestration<int, int>("Fails", (_, _) => throw new InvalidDataException("no good"))
            .Orchestration<int, string>("Parent", async (run, _) =>
            {
                try
                {
                    return $"{await run.Child<int>("Fails", 1)}";
                }
                catch (SubOrchestrationFailedException error)
                {
                    return $"{error.Name}: {error.FailureDetails!.ErrorType}: {error.FailureDetails.ErrorMessage}";
                }
            }).Start();

        Assert.Equal("Completed \"Fails: System.IO.InvalidDataException: no good\"", await hub.Answer("Parent", 1));
    }

    [Theory]
    [InlineData("other", "The id other belongs to another instance that has not finished; give each child an id of its own.")]
    [InlineData("parent", "The id parent belongs to another instance that has not finished; give each child an id of its own.")]
    [InlineData("a\nb", "An instance id must not contain control characters.")]
    public async Task A_child_whose_id_cannot_be_had_fails(string id, string sentence)
    {
        await using var hub = await new TaskHub()
            .Orchestration<int, string>("Waits", (run, _) => run.Event("end"))
            .Orchestration<string, string>("Parent", async (run, child) =>
            {
                try
                {
                    return await run.Child<string>("Waits", 1, child);
                }
                catch (SubOrchestrationFailedException error)
                {
                    return error.FailureDetails!.ErrorMessage;
                }
            }).Start();
        await hub.Begin("Waits", 1, "other");
        await hub.Becomes("other", OrchestrationStatus.Running);

        var state = await hub.Play("Parent", id, "parent");

        Assert.Equal($"Completed \"{sentence}\"", TaskHub.Tell(state));
        Assert.Equal(OrchestrationStatus.Running, (await hub.Get("other"))!.OrchestrationStatus);
    }

    [Fact]
    public async Task A_child_that_nobody_waits_for_lives_on()
    {
        await using var hub = await new TaskHub()
            .Orchestration<int, string>("Waits", (run, _) => run.Event("end"))
            .Orchestration<int, string>("Parent", (run, number) =>
            {
                var tags = new Dictionary<string, string> { [OrchestrationTags.FireAndForget] = "" };
                _ = run.Context.CreateSubOrchestrationInstance<string>("Waits", "", "child", number, tags);
                return Task.FromResult("done");
            }).Start();

        Assert.Equal("Completed \"done\"", await hub.Answer("Parent", 1, "parent"));
        Assert.Equal(1, (await hub.Service.PurgeInstanceStateAsync("parent")).DeletedInstanceCount);
        await hub.Raise("child", "end", "bye");
        Assert.Equal("Completed \"bye\"", TaskHub.Tell(await hub.Wait("child")));
    }

    [Fact]
    public async Task Terminate_reaches_what_is_begun_meanwhile()
    {
        // Children are begun all the time, while the family is being ended from above.
        await using var hub = await new TaskHub()
            .Activity<int, int>("Same", number => number)
            .Orchestration<int, int>("Leaf", async (run, _) =>
            {
                await run.Event("never");
                return 1;
            })
            .Orchestration<int, int>("Spawns", async (run, depth) =>
            {
                List<Task> children = [];
                for (var number = 0; number < 400; number++)
                {
                    children.Add(run.Child<int>(depth == 0 ? "Leaf" : "Spawns", depth - 1, $"{run.Id}/{number}"));
                    await run.Call<int>("Same", number);
                }

                await Task.WhenAll(children);
                return 1;
            }).Start();

        for (var round = 0; round < 10; round++)
        {
            var (id, enough) = ($"top{round}", 5 + (7 * round));
            await hub.Begin("Spawns", 1, id);
            await TaskHub.Eventually(() => hub.Count($"instances WHERE id LIKE '{id}/%'") >= enough);
            await hub.Service.TerminateAsync(id, "enough", recursive: true);
            Assert.Equal("Terminated enough", TaskHub.Tell(await hub.Wait(id)));
            await TaskHub.Eventually(() => hub.Count($"instances WHERE id LIKE '{id}%' AND status IN (0, 6, 7)") == 0);
        }

        Assert.Equal((0, 0), (hub.Count("messages"), hub.Count("activities")));
    }

    [Fact]
    public async Task A_child_that_is_begun_in_the_turn_that_ends_its_parent_ends_too()
    {
        await using var hub = new TaskHub()
            .Orchestration<int, string>("Child", (run, _) => run.Event("never"))
            .Orchestration<int, string>("Parent", async (run, _) =>
            {
                await run.Event("go");
                return await run.Child<string>("Child", 1, "child");
            });
        await hub.Start();
        await hub.Begin("Parent", 1, "parent");
        await hub.Becomes("parent", OrchestrationStatus.Running);
        // Both in one batch: they are there when the next process begins.
        await hub.Worker.StopAsync(isForced: true);
        await hub.Raise("parent", "go");
        await hub.Service.TerminateAsync("parent", "enough", recursive: true);

        await hub.Worker.StartAsync();

        Assert.Equal("Terminated enough", TaskHub.Tell(await hub.Wait("parent")));
        Assert.Equal("Terminated enough", TaskHub.Tell(await hub.Wait("child")));
    }
}
