using DurableTask.Core;
using DurableTask.Core.Query;
using Xunit;

namespace DurableTask.Sqlite.Tests.Provider;

/// <summary>Queries and purge.</summary>
public class Queries
{
    [Fact]
    public async Task Pages_lead_to_the_end_once_through_all()
    {
        await using var hub = await Simple().Start();
        for (var number = 0; number < 23; number++)
            await hub.Play("Ends", "good", $"i{number}");

        List<string> seen = [];
        var (query, pages) = (new OrchestrationQuery { PageSize = 5 }, 0);
        do
        {
            var page = await hub.Service.GetOrchestrationWithQueryAsync(query, default);
            seen.AddRange(page.OrchestrationState.Select(state => state.OrchestrationInstance.InstanceId));
            query.ContinuationToken = page.ContinuationToken;
            pages++;
        }
        while (query.ContinuationToken is not null);

        Assert.Equal(5, pages);
        Assert.Equal(Enumerable.Range(0, 23).Reverse().Select(number => $"i{number}"), seen);
        await Assert.ThrowsAsync<ArgumentException>(() => hub.Service.GetOrchestrationWithQueryAsync(new OrchestrationQuery { ContinuationToken = "of another" }, default));
    }

    [Fact]
    public async Task An_empty_journal_has_no_next_page()
    {
        await using var hub = await Simple().Start();

        var page = await hub.Service.GetOrchestrationWithQueryAsync(new OrchestrationQuery(), default);

        Assert.Empty(page.OrchestrationState);
        Assert.Null(page.ContinuationToken);
    }

    [Fact]
    public async Task Instances_are_found_by_what_is_asked()
    {
        await using var hub = await Simple().Start();
        await hub.Play("Ends", "good", "a1");
        await hub.Play("Ends", "bad", "a%2");
        var between = DateTime.UtcNow;
        await Task.Delay(5);
        await hub.Begin("Ends", "wait", "b1");
        await hub.Becomes("b1", OrchestrationStatus.Running);
        await hub.Play("Parent", "good", "b2");

        async Task<string> Find(OrchestrationQuery query) =>
            string.Join(' ', (await hub.Service.GetOrchestrationWithQueryAsync(query, default)).OrchestrationState.Select(state => state.OrchestrationInstance.InstanceId));

        Assert.Equal("b2.child b2 b1 a%2 a1", await Find(new OrchestrationQuery()));
        Assert.Equal("a%2 a1", await Find(new OrchestrationQuery { InstanceIdPrefix = "a" }));
        Assert.Equal("a%2", await Find(new OrchestrationQuery { InstanceIdPrefix = "a%" }));
        Assert.Equal("b1 a%2", await Find(new OrchestrationQuery { RuntimeStatus = [OrchestrationStatus.Failed, OrchestrationStatus.Running] }));
        Assert.Equal("b2.child b2 b1", await Find(new OrchestrationQuery { CreatedTimeFrom = between }));
        Assert.Equal("a%2 a1", await Find(new OrchestrationQuery { CreatedTimeTo = between }));
        Assert.Equal("a1", await Find(new OrchestrationQuery { CreatedTimeTo = between, InstanceIdPrefix = "a", RuntimeStatus = [OrchestrationStatus.Completed] }));
        Assert.Equal(
            ["b2", "b1", "a%2", "a1"],
            (await hub.Service.QueryAsync(new OrchestrationQuery(), topOnly: true)).OrchestrationState.Select(state => state.OrchestrationInstance.InstanceId));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Inputs_and_outputs_come_where_they_are_asked_for(bool fetch)
    {
        await using var hub = await Simple().Start();
        await hub.Play("Ends", "good", "i");

        var state = (await hub.Service.GetOrchestrationWithQueryAsync(new OrchestrationQuery { FetchInputsAndOutputs = fetch }, default)).OrchestrationState.Single();

        Assert.Equal(fetch ? ("\"good\"", "\"good\"") : (null, null), (state.Input, state.Output));
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("it's; DROP TABLE instances --")]
    public async Task One_instance_is_purged_with_all_that_is_its(string id)
    {
        await using var hub = await Simple().Start();
        await hub.Play("Parent", "good", id);
        await hub.Play("Ends", "good", "other");

        var first = await hub.Service.PurgeInstanceStateAsync(id);
        var second = await hub.Service.PurgeInstanceStateAsync(id);

        Assert.Equal((2, 0), (first.DeletedInstanceCount, second.DeletedInstanceCount));
        Assert.Equal((null, "[]"), (await hub.Get(id), await hub.Service.GetOrchestrationHistoryAsync(id, "")));
        Assert.Equal((1, 1), (hub.Count("instances"), hub.Count("(SELECT DISTINCT instance FROM history)")));
    }

    [Fact]
    public async Task What_runs_is_not_purged()
    {
        await using var hub = await Simple().Start();
        await hub.Begin("Ends", "wait", "i");
        await hub.Client.CreateScheduledOrchestrationInstanceAsync("Ends", "", "later", "good", DateTime.UtcNow.AddHours(1));
        await hub.Becomes("i", OrchestrationStatus.Running);

        Assert.Equal(0, (await hub.Service.PurgeInstanceStateAsync("i")).DeletedInstanceCount);
        Assert.Equal(0, (await hub.Service.PurgeInstanceStateAsync(new PurgeInstanceFilter(DateTime.MinValue, null, [OrchestrationStatus.Running, OrchestrationStatus.Pending]))).DeletedInstanceCount);
        await hub.Client.PurgeOrchestrationInstanceHistoryAsync(DateTime.UtcNow, OrchestrationStateTimeRangeFilterType.OrchestrationCreatedTimeFilter);
        Assert.Equal(2, hub.Count("instances"));
    }

    [Fact]
    public async Task Instances_are_purged_by_times_and_statuses()
    {
        await using var hub = await Simple().Start();
        await hub.Play("Ends", "good", "old");
        await hub.Play("Ends", "bad", "oldbad");
        var between = DateTime.UtcNow;
        await Task.Delay(5);
        await hub.Play("Parent", "good", "new");

        var bad = await hub.Service.PurgeInstanceStateAsync(new PurgeInstanceFilter(DateTime.MinValue, between, [OrchestrationStatus.Failed]));
        var late = await hub.Service.PurgeInstanceStateAsync(new PurgeInstanceFilter(between, DateTime.UtcNow, null));

        Assert.Equal((1, 2, null), (bad.DeletedInstanceCount, late.DeletedInstanceCount, late.IsComplete));
        Assert.NotNull(await hub.Get("old"));
        await hub.Client.PurgeOrchestrationInstanceHistoryAsync(DateTime.UtcNow, OrchestrationStateTimeRangeFilterType.OrchestrationCompletedTimeFilter);
        Assert.Equal((0, 0), (hub.Count("instances"), hub.Count("history")));
    }

    [Theory]
    [InlineData(0, false, 150)]
    [InlineData(300_000, true, 0)]
    public async Task A_purge_has_its_time(int milliseconds, bool isComplete, int left)
    {
        await using var hub = await Simple().Start();
        await Task.WhenAll(Enumerable.Range(0, 150).Select(number => hub.Play("Ends", "good", $"i{number}")));

        var result = await hub.Service.PurgeInstanceStateAsync(new PurgeInstanceFilter(DateTime.MinValue, null, null) { Timeout = TimeSpan.FromMilliseconds(milliseconds) });

        Assert.Equal((150 - left, isComplete, left), (result.DeletedInstanceCount, result.IsComplete, hub.Count("instances")));
    }

    [Fact]
    public async Task A_child_that_runs_outlives_the_purge_of_its_parent()
    {
        await using var hub = await Simple().Start();
        await hub.Begin("Parent", "wait", "p");
        await hub.Becomes("p.child", OrchestrationStatus.Running);
        await hub.Terminate("p");
        await hub.Wait("p");

        var purged = (await hub.Service.PurgeInstanceStateAsync("p")).DeletedInstanceCount;
        await hub.Raise("p.child", "end", "alive");

        Assert.Equal((1, "Completed \"alive\""), (purged, TaskHub.Tell(await hub.Wait("p.child"))));
        Assert.Equal(1, (await hub.Service.PurgeInstanceStateAsync(new PurgeInstanceFilter(DateTime.MinValue, null, null))).DeletedInstanceCount);
    }

    [Fact]
    public async Task Everything_can_be_deleted_while_it_runs()
    {
        await using var hub = await Simple().Start();
        var waiting = hub.Client.WaitForOrchestrationAsync(await hub.Begin("Ends", "wait", "i"), TimeSpan.FromMinutes(1));
        await hub.Becomes("i", OrchestrationStatus.Running);

        await hub.Service.CreateAsync(recreateInstanceStore: true);

        Assert.Null(await waiting);
        Assert.Equal((null, "Completed \"good\""), (await hub.Get("i"), await hub.Answer("Ends", "good", "i")));
    }

    private static TaskHub Simple() => new TaskHub()
        .Orchestration<string, string>("Ends", (run, how) => how switch
        {
            "good" => Task.FromResult(how),
            "bad" => throw new InvalidDataException(how),
            _ => run.Event("end"),
        })
        .Orchestration<string, string>("Parent", (run, how) => run.Child<string>("Ends", how, $"{run.Id}.child"));
}
