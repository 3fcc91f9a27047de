using Microsoft.Data.Sqlite;
using Sana.Local.Engine;
using Sana.Tests.Support;
using Sana.Workflows.Contract;
using Xunit;
using static Sana.Tests.Engine.ScenarioWorkflows;

namespace Sana.Tests.Engine;

/// <summary>What the embedded engine does beyond the scenarios.</summary>
public class SqliteEngineTests
{
    [Fact]
    public async Task A_suspended_instance_stays_so_over_a_restart()
    {
        await using var host = new SqliteHost();
        await host.Client.Start(TwoGates, 5, "i");
        await host.Client.Suspend("i");
        host.Steps.Open();

        await host.Kill();
        var held = await host.Client.Get("i");
        await host.Client.Resume("i");
        var end = await host.Client.Wait("i", TestContext.Current.CancellationToken);

        Assert.Equal((WorkflowStatus.Suspended, WorkflowStatus.Completed), (held!.Status, end.Status));
    }

    [Fact]
    public async Task A_suspended_instance_can_be_canceled()
    {
        await using var host = new SqliteHost();
        await host.Client.Start(TidiesUp, 5, "i");
        await host.Client.Suspend("i");
        await host.Kill();

        await host.Client.Cancel("i", "no more");
        var end = await host.Client.Wait("i", TestContext.Current.CancellationToken);

        Assert.Equal((WorkflowStatus.Canceled, "no more", "10"), (end.Status, end.Error, end.CustomStatus));
    }

    [Fact]
    public async Task A_suspended_instance_that_continues_as_new_stays_suspended()
    {
        await using var host = new SqliteHost();
        await host.Client.Start(Rounds, new Round(1, ""), "i");
        await host.Client.Suspend("i");
        foreach (var letter in new[] { "a", "b", "c", "d" })
            await host.Client.RaiseEvent("i", "letter", letter);

        var held = await host.Client.Get("i");
        await host.Client.Resume("i");
        var end = await host.Client.Wait("i", TestContext.Current.CancellationToken);

        Assert.Equal((WorkflowStatus.Suspended, "\"a2b4c6d8\""), (held!.Status, end.Output));
    }

    [Fact]
    public async Task Children_are_suspended_and_resumed_with_their_parent()
    {
        await using var host = new SqliteHost();
        await host.Client.Start(Waits, 3, "i");
        await ((IScenarioHost)host).Eventually(() => Task.FromResult(host.Steps.Begun == 1));

        await host.Client.Suspend("i");
        var held = await host.Client.Get("i/child");
        await host.Client.Resume("i");
        var freed = await host.Client.Get("i/child");

        Assert.Equal((WorkflowStatus.Suspended, WorkflowStatus.Running), (held!.Status, freed!.Status));
    }

    [Fact]
    public async Task A_workflow_that_is_not_there_is_refused_at_the_start()
    {
        await using var host = new SqliteHost();

        var error = await Assert.ThrowsAsync<ArgumentException>(() => host.Client.Start(new Workflow<int, int>("absent"), 1));

        Assert.Contains("Workflow 'absent' is not registered; there are chain, ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Counts_follow_the_steps()
    {
        await using var host = new SqliteHost();
        await host.Client.Start(FansOut, 9, "i");
        await ((IScenarioHost)host).Eventually(() => Task.FromResult(host.Steps.Begun == 4));

        var seen = await host.Client.Get("i");

        Assert.Equal((9, 0, 4), (seen!.StepsDone, seen.StepsFailed, seen.StepsInFlight));
    }

    [Fact]
    public async Task Attempts_are_counted_across_a_kill()
    {
        await using var host = new SqliteHost();
        await host.Client.Start(GivesUp, "f", "i");
        await ((IScenarioHost)host).Eventually(() => Task.FromResult(Execute(host.Path, "SELECT count(*) FROM retries") == 1));

        await host.Kill();
        var end = await ((IScenarioHost)host).PassTime(host.Client.Wait("i", TestContext.Current.CancellationToken));

        Assert.Equal("doomed failed after 2 attempts: f is broken (2)", end.Error);
    }

    [Fact]
    public async Task Instances_are_listed_newest_first_and_by_what_is_asked()
    {
        await using var host = new SqliteHost();
        await host.Client.Start(Chain, 1, "a/1");
        await host.Client.Start(Parent, 1, "a/2");
        await ((IScenarioHost)host).PassTime(host.Client.Wait("a/2", TestContext.Current.CancellationToken));
        await host.Client.Start(Chain, 1, "b/1");
        await host.Client.Wait("b/1", TestContext.Current.CancellationToken);

        var top = await host.Client.List(new InstanceQuery());
        var prefixed = await host.Client.List(new InstanceQuery { IdPrefix = "a/", TopOnly = false });
        var chains = await host.Client.List(new InstanceQuery { Workflow = "chain", TopOnly = false, Statuses = [WorkflowStatus.Completed], Skip = 1, Limit = 1 });

        Assert.Equal(["b/1", "a/2", "a/1"], top.Select(instance => instance.Id));
        Assert.Equal(["a/2/bad", "a/2/good", "a/2", "a/1"], prefixed.Select(instance => instance.Id));
        Assert.Equal(("a/2/good", "a/2"), (chains.Single().Id, chains.Single().ParentId));
    }

    [Fact]
    public async Task What_finished_long_ago_is_forgotten_with_its_children()
    {
        await using var host = new SqliteHost();
        await host.Client.Start(Parent, 1, "old");
        await ((IScenarioHost)host).PassTime(host.Client.Wait("old", TestContext.Current.CancellationToken));
        await host.Client.Start(TwoGates, 1, "running");

        host.Clock.Advance(TimeSpan.FromDays(31));
        await ((IScenarioHost)host).Eventually(async () => await host.Client.Get("old") is null);

        Assert.Equal(["running"], (await host.Client.List(new InstanceQuery { TopOnly = false })).Select(instance => instance.Id));
    }

    [Fact]
    public async Task Only_what_has_finished_can_be_forgotten()
    {
        await using var host = new SqliteHost();
        await host.Client.Start(TwoGates, 1, "i");

        Assert.False(await host.Client.Purge("i"));
        await host.Client.Terminate("i", "enough");
        Assert.True(await host.Client.Purge("i"));
        Assert.False(await host.Client.Purge("i"));
    }

    [Fact]
    public async Task What_nobody_has_is_said()
    {
        await using var host = new SqliteHost();

        Assert.Null(await host.Client.Get("x"));
        Assert.False(await host.Client.RaiseEvent("x", "e", 1));
        Assert.False(await host.Client.Cancel("x", ""));
        Assert.False(await host.Client.Suspend("x"));
        Assert.False(await host.Client.Resume("x"));
        Assert.False(await host.Client.Terminate("x", ""));
        await Assert.ThrowsAsync<KeyNotFoundException>(() => host.Client.Wait("x", TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a\nb")]
    public async Task A_bad_id_is_refused(string id)
    {
        await using var host = new SqliteHost();

        await Assert.ThrowsAsync<ArgumentException>(() => host.Client.Start(Chain, 1, id));
        await Assert.ThrowsAsync<ArgumentException>(() => host.Client.Start(Chain, 1, new string('x', 257)));
        Assert.True((await host.Client.Start(Chain, 1, new string('x', 256))).IsNew);
    }

    [Fact]
    public async Task A_closed_engine_lets_its_waiters_go_and_another_goes_on()
    {
        await using var host = new SqliteHost();
        await host.Client.Start(TwoGates, 1, "i");
        var wait = host.Client.Wait("i", TestContext.Current.CancellationToken);
        await host.Client.Get("i");

        await host.Close();

        Assert.Contains("goes on when it is opened again", (await Assert.ThrowsAsync<EngineException>(() => wait)).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<EngineException>(() => host.Client.Get("i"));
    }

    [Fact]
    public async Task A_journal_that_breaks_stops_the_engine_and_tells_who_waits()
    {
        await using var host = new SqliteHost();
        await host.Client.Start(TwoGates, 1, "i");
        var wait = host.Client.Wait("i", TestContext.Current.CancellationToken);
        await host.Client.Get("i");

        Execute(host.Path, "DROP TABLE history");
        host.Steps.Open();

        var error = await Assert.ThrowsAsync<EngineException>(() => wait);
        Assert.StartsWith($"The journal {host.Path} cannot be written any more: ", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<EngineException>(() => host.Client.Start(Chain, 1, "j"));
    }

    [Fact]
    public void A_file_that_is_no_journal_is_refused()
    {
        using var folder = new TempFolder();
        var path = folder.File("journal.db");
        File.WriteAllText(path, new string('x', 5000));

        var error = Assert.Throws<EngineException>(() => SqliteEngine.Open(new SqliteEngineOptions { Path = path }, new WorkflowRegistry()));

        Assert.Contains("cannot be opened", error.Message, StringComparison.Ordinal);
        File.Delete(path);
        SqliteEngine.Open(new SqliteEngineOptions { Path = path }, new WorkflowRegistry()).Abandon();
    }

    [Fact]
    public async Task A_journal_of_a_newer_program_is_refused()
    {
        await using var host = new SqliteHost();
        await host.Close();
        Execute(host.Path, "PRAGMA user_version=9");

        var error = Assert.Throws<EngineException>(() => SqliteEngine.Open(new SqliteEngineOptions { Path = host.Path }, new WorkflowRegistry()));

        Assert.Contains("has version 9", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Steps_run_within_their_bound()
    {
        using var folder = new TempFolder();
        var (now, most) = (0, 0);
        var step = new Step<int, int>("step");
        var all = new Workflow<int, int>("all");
        var registry = new WorkflowRegistry()
            .Add(step, async (number, _) =>
            {
                var running = Interlocked.Increment(ref now);
                InterlockedMax(ref most, running);
                await Task.Yield();
                Interlocked.Decrement(ref now);
                return number;
            })
            .Add(all, Of<int, int>(async (context, count) => (await Task.WhenAll(Enumerable.Range(0, count).Select(number => context.Call(step, number)))).Length));
        await using var engine = SqliteEngine.Open(new SqliteEngineOptions { Path = folder.File("j.db"), MaxParallelSteps = 3 }, registry);

        await engine.Start(all, 500, "i");
        await engine.Wait("i", TestContext.Current.CancellationToken);

        Assert.InRange(most, 1, 3);
    }

    private static void InterlockedMax(ref int most, int value)
    {
        for (var seen = most; value > seen;)
            seen = Interlocked.CompareExchange(ref most, value, seen) is var before && before == seen ? value : before;
    }

    private static long? Execute(string path, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar() as long?;
    }
}
