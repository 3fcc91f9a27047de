using DurableTask.Core;
using DurableTask.Core.History;
using DurableTask.Core.Settings;
using Xunit;

namespace DurableTask.Sqlite.Tests.Provider;

/// <summary>Tags, versions and what an instance says of itself.</summary>
public class Labels
{
    [Fact]
    public async Task Tags_of_any_letters_are_kept_through_continue_as_new_and_a_kill()
    {
        var tags = new Dictionary<string, string>
        {
            ["key with spaces"] = "value with spaces",
            ["日本語"] = "中文",
            ["special\"chars"] = "value'with\"quotes",
            ["large"] = new('x', 100_000),
        };
        await using var hub = await new TaskHub().Orchestration<int, int>("Loop", async (run, number) =>
        {
            if (number < 3)
            {
                await run.Sleep(TimeSpan.Zero);
                run.Context.ContinueAsNew(number + 1);
            }
            else
            {
                await run.Event("end");
            }

            return number;
        }).Start();
        await hub.Client.CreateOrchestrationInstanceAsync("Loop", "", "i", 0, tags, null);
        await TaskHub.Eventually(async () => (await hub.Get("i"))!.Input == "3");

        await hub.Kill();
        await hub.Start();
        await hub.Raise("i", "end");
        var end = await hub.Wait("i");

        Assert.Equal(Text(tags), Text(end.Tags));
    }

    [Fact]
    public async Task No_tags_are_none()
    {
        await using var hub = await new TaskHub().Orchestration<int, int>("Same", (_, number) => Task.FromResult(number)).Start();
        await hub.Client.CreateOrchestrationInstanceAsync("Same", "", "i", 0, new Dictionary<string, string>(), null);

        Assert.Null((await hub.Wait("i")).Tags);
    }

    [Fact]
    public async Task Children_and_steps_inherit_tags_and_add_their_own()
    {
        IDictionary<string, string>? seen = null;
        await using var hub = await new TaskHub
        {
            Configure = worker => worker.AddActivityDispatcherMiddleware((context, next) =>
            {
                seen = context.GetProperty<TaskScheduledEvent>().Tags;
                return next();
            }),
        }
            .Activity<int, int>("Same", number => number)
            .Orchestration<int, int>("Child", (_, number) => Task.FromResult(number))
            .Orchestration<int, int>("Parent", async (run, number) =>
            {
                await run.Child<int>("Child", number, "plain");
                await run.Context.CreateSubOrchestrationInstance<int>("Child", "", "own", number, new Dictionary<string, string> { ["team"] = "back", ["shared"] = "child" });
                return await run.Context.ScheduleTask<int>("Same", "", ScheduleTaskOptions.CreateBuilder().AddTag("shared", "step").Build(), number);
            }).Start();

        await hub.Client.CreateOrchestrationInstanceAsync("Parent", "", "i", 1, new Dictionary<string, string> { ["env"] = "prod", ["shared"] = "parent" }, null);
        await hub.Wait("i");

        Assert.Equal("env=prod shared=parent", Text((await hub.Get("plain"))!.Tags));
        Assert.Equal("env=prod shared=child team=back", Text((await hub.Get("own"))!.Tags));
        Assert.Equal("env=prod shared=step", Text(seen!));
        Assert.Equal("env=prod shared=parent", Text((await hub.Service.GetOrchestrationWithQueryAsync(new() { InstanceIdPrefix = "i" }, default)).OrchestrationState.Single().Tags));
    }

    [Fact]
    public async Task Each_version_has_its_own_code()
    {
        await using var hub = await new TaskHub()
            .Activity<int, string>("Step", _ => "s1", "V1").Activity<int, string>("Step", _ => "s2", "V2")
            .Orchestration<int, string>("Child", (_, _) => Task.FromResult("c1"), "V1").Orchestration<int, string>("Child", (_, _) => Task.FromResult("c2"), "V2")
            .Orchestration<int, string>("Parent", async (run, number) => string.Join(
                ' ',
                await run.Context.ScheduleTask<string>("Step", "V1", number), await run.Context.ScheduleTask<string>("Step", "V2", number),
                await run.Context.CreateSubOrchestrationInstance<string>("Child", "V1", number), await run.Context.CreateSubOrchestrationInstance<string>("Child", "V2", number)))
            .Start();

        Assert.Equal("Completed \"s1 s2 c1 c2\"", await hub.Answer("Parent", 1));
        var second = await hub.Play("Child", 1, version: "V2");
        Assert.Equal(("Completed \"c2\"", "V2"), (TaskHub.Tell(second), second.Version));
    }

    [Theory]
    [InlineData(VersioningSettings.VersionMatchStrategy.None, "2", true)]
    [InlineData(VersioningSettings.VersionMatchStrategy.Strict, "1", true)]
    [InlineData(VersioningSettings.VersionMatchStrategy.Strict, "2", false)]
    [InlineData(VersioningSettings.VersionMatchStrategy.CurrentOrOlder, "0.9", true)]
    [InlineData(VersioningSettings.VersionMatchStrategy.CurrentOrOlder, "2", false)]
    public async Task A_version_that_does_not_fit_fails_where_the_worker_says_so(VersioningSettings.VersionMatchStrategy strategy, string version, bool fits)
    {
        await using var hub = Versioned(version);
        hub.Versions = new VersioningSettings { Version = "1", MatchStrategy = strategy, FailureStrategy = VersioningSettings.VersionFailureStrategy.Fail };
        await hub.Start();

        var end = await hub.Play("Same", 5, version: version);

        Assert.Equal(fits ? "Completed 5" : "Failed Orchestration version did not comply with Worker Versioning", TaskHub.Tell(end));
    }

    [Fact]
    public async Task A_version_that_is_rejected_waits_for_a_worker_that_takes_it()
    {
        await using var hub = Versioned("2");
        hub.Versions = new VersioningSettings { Version = "1", MatchStrategy = VersioningSettings.VersionMatchStrategy.Strict, FailureStrategy = VersioningSettings.VersionFailureStrategy.Reject };
        await hub.Start();
        await hub.Begin("Same", 5, "i", "2");
        await TaskHub.Eventually(() => hub.Service.IsFailing("i"));
        var (held, history) = (await hub.Get("i"), await hub.Service.GetOrchestrationHistoryAsync("i", ""));

        await hub.Kill();
        hub.Versions = new VersioningSettings { Version = "2", MatchStrategy = VersioningSettings.VersionMatchStrategy.Strict };
        await hub.Start();

        Assert.Equal((OrchestrationStatus.Pending, "[]"), (held!.OrchestrationStatus, history));
        Assert.Equal("Completed 5", TaskHub.Tell(await hub.Wait("i")));
    }

    [Fact]
    public async Task What_an_instance_says_of_itself_is_kept()
    {
        await using var hub = await new TaskHub().Orchestration<string, string>("Says", async (run, text) =>
        {
            run.Status = text;
            await run.Event("clear");
            run.Status = null;
            await run.Event("end");
            return "done";
        }).Start();
        await hub.Begin("Says", "busy", "i");
        await hub.Says("i", "busy");

        await hub.Kill();
        await hub.Start();
        var kept = (await hub.Get("i"))!.Status;
        await hub.Raise("i", "clear");
        await TaskHub.Eventually(async () => (await hub.Get("i"))!.Status == "null" || (await hub.Get("i"))!.Status is null);
        await hub.Raise("i", "end");
        var end = await hub.Wait("i");

        Assert.Equal(("\"busy\"", true), (kept, end.Status is null or "null"));
    }

    private static TaskHub Versioned(string version) => new TaskHub().Orchestration<int, int>("Same", (_, number) => Task.FromResult(number), version);

    private static string Text(IDictionary<string, string> tags) => string.Join(' ', tags.OrderBy(tag => tag.Key, StringComparer.Ordinal).Select(tag => $"{tag.Key}={tag.Value}"));
}
