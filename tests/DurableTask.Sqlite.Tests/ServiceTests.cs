using DurableTask.Core;
using DurableTask.Core.History;
using Microsoft.Data.Sqlite;
using Microsoft.DurableTask.Client;
using Sana.Tests.Support;
using Xunit;

namespace DurableTask.Sqlite.Tests;

/// <summary>What the service, its worker and its client do beyond the scenarios.</summary>
public class ServiceTests
{
    [Fact]
    public async Task A_suspended_instance_stays_so_over_a_restart()
    {
        await using var host = await SqliteHost.Start();
        await Suspended(host, "TwoGates");
        host.Activities.Open();

        await host.Kill();
        var held = await host.Client.GetInstanceAsync("i");
        await host.Client.ResumeInstanceAsync("i");
        var end = await ((IScenarioHost)host).Wait();

        Assert.Equal((OrchestrationRuntimeStatus.Suspended, OrchestrationRuntimeStatus.Completed), (held!.RuntimeStatus, end.RuntimeStatus));
    }

    [Fact]
    public async Task A_suspended_instance_can_be_terminated_after_a_restart()
    {
        await using var host = await SqliteHost.Start();
        await Suspended(host, "TwoGates");
        await host.Kill();

        await host.Client.TerminateInstanceAsync("i", "no more");
        var end = await ((IScenarioHost)host).Wait();

        Assert.Equal((OrchestrationRuntimeStatus.Terminated, "no more"), (end.RuntimeStatus, end.SerializedOutput));
    }

    [Fact]
    public async Task What_finished_long_ago_is_purged_with_its_children()
    {
        await using var host = await SqliteHost.Start();
        await ((IScenarioHost)host).Start("Parent", 1, "old");
        await ((IScenarioHost)host).PassTime(((IScenarioHost)host).Wait("old"));
        await ((IScenarioHost)host).Start("TwoGates", 1, "running");

        host.Clock.Advance(TimeSpan.FromDays(31));
        await ((IScenarioHost)host).Eventually(async () => await host.Client.GetInstanceAsync("old") is null);

        Assert.Equal(["running"], await host.Client.GetAllInstancesAsync().Select(instance => instance.InstanceId).ToListAsync());
    }

    [Fact]
    public async Task Only_what_has_finished_can_be_purged()
    {
        await using var host = await SqliteHost.Start();
        await ((IScenarioHost)host).Start("TwoGates", 1);

        var running = await host.Client.PurgeInstanceAsync("i");
        await host.Client.TerminateInstanceAsync("i", "enough");
        await ((IScenarioHost)host).Wait();
        var finished = await host.Client.PurgeInstanceAsync("i");
        var gone = await host.Client.PurgeInstanceAsync("i");

        Assert.Equal((0, 1, 0), (running.PurgedInstanceCount, finished.PurgedInstanceCount, gone.PurgedInstanceCount));
    }

    [Fact]
    public async Task What_nobody_has_is_said()
    {
        await using var host = await SqliteHost.Start();

        Assert.Null(await host.Client.GetInstanceAsync("x"));
        Assert.Equal(0, await host.Service.TrySendAsync(new TaskMessage { OrchestrationInstance = new OrchestrationInstance { InstanceId = "x" }, Event = new ExecutionSuspendedEvent(-1, "") }));
        Assert.Equal(0, await host.Service.TerminateAsync("x", "", recursive: true));
        Assert.Equal(0, (await host.Client.PurgeInstanceAsync("x")).PurgedInstanceCount);
        await Assert.ThrowsAsync<InvalidOperationException>(() => host.Client.RewindInstanceAsync("x", "", default));
        var error = await Assert.ThrowsAsync<KeyNotFoundException>(() => host.Client.WaitForInstanceCompletionAsync("x"));
        Assert.Equal("No instance has the id x.", error.Message);
        await Assert.ThrowsAsync<KeyNotFoundException>(() => host.Client.WaitForInstanceStartAsync("x"));
    }

    [Fact]
    public async Task A_bad_id_is_refused()
    {
        await using var host = await SqliteHost.Start();

        foreach (var bad in new[] { "", "a\nb", new string('x', 257) })
            await Assert.ThrowsAsync<ArgumentException>(() => ((IScenarioHost)host).Start("Chain", 1, bad));
        await ((IScenarioHost)host).Start("Chain", 1, new string('x', 256));

        Assert.Equal("4", (await ((IScenarioHost)host).Wait(new string('x', 256))).SerializedOutput);
    }

    [Fact]
    public async Task Pages_of_the_client_lead_through_all()
    {
        await using var host = await SqliteHost.Start();
        for (var number = 0; number < 12; number++)
        {
            await ((IScenarioHost)host).Start("Chain", number, $"i{number}");
            await ((IScenarioHost)host).Wait($"i{number}");
        }

        var all = await host.Client.GetAllInstancesAsync(new OrchestrationQuery { PageSize = 5, InstanceIdPrefix = "i", Statuses = [OrchestrationRuntimeStatus.Completed], FetchInputsAndOutputs = true }).ToListAsync();

        Assert.Equal(Enumerable.Range(0, 12).Reverse().Select(number => (number, 4 * number)), all.Select(instance => (instance.ReadInputAs<int>(), instance.ReadOutputAs<int>())));
    }

    [Fact]
    public async Task A_closed_service_lets_its_waiters_go()
    {
        await using var host = await SqliteHost.Start();
        await ((IScenarioHost)host).Start("TwoGates", 1);
        var wait = ((IScenarioHost)host).Wait();
        await ((IScenarioHost)host).Begun(1);

        await host.Close();

        Assert.Equal("The service was closed; the instance goes on when the journal is opened again.", (await Assert.ThrowsAsync<JournalException>(() => wait)).Message);
        await Assert.ThrowsAsync<JournalException>(() => host.Client.GetInstanceAsync("i"));
        await host.Service.Stopped;
    }

    [Fact]
    public async Task A_journal_that_breaks_stops_the_service_and_tells_who_waits()
    {
        await using var host = await SqliteHost.Start();
        await ((IScenarioHost)host).Start("TwoGates", 1);
        var wait = ((IScenarioHost)host).Wait();
        await ((IScenarioHost)host).Begun(1);

        Execute(host.Path, "ALTER TABLE history RENAME TO hidden");
        host.Activities.Open();

        var error = await Assert.ThrowsAsync<JournalException>(() => wait);
        Assert.StartsWith($"The journal {host.Path} cannot be written any more: ", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<JournalException>(() => host.Service.Stopped);
        await Assert.ThrowsAsync<JournalException>(() => ((IScenarioHost)host).Start("Chain", 1, "j"));
        Execute(host.Path, "ALTER TABLE hidden RENAME TO history");
        await host.Kill();
        Assert.Equal("2", (await ((IScenarioHost)host).Wait()).SerializedOutput);
    }

    [Fact]
    public void A_file_that_is_no_journal_is_refused()
    {
        using var folder = new TempFolder();
        var path = folder.File("journal.db");
        File.WriteAllText(path, new string('x', 5000));

        var error = Assert.Throws<JournalException>(() => Open(path));

        Assert.StartsWith($"The journal {path} cannot be opened: ", error.Message, StringComparison.Ordinal);
        Assert.Equal(new string('x', 5000), File.ReadAllText(path));
        File.Delete(path);
        Open(path).Abandon();
    }

    [Theory]
    [InlineData(9, "has version 9 and this program reads version 2; use the newer program.")]
    [InlineData(1, "has version 1, of an earlier program; finish its instances with that program, or move the file away to start with an empty journal.")]
    public void A_journal_of_another_version_is_refused(int version, string sentence)
    {
        using var folder = new TempFolder();
        var path = folder.File("journal.db");
        Open(path).Abandon();
        Execute(path, $"PRAGMA user_version={version}");

        Assert.Equal($"The journal {path} {sentence}", Assert.Throws<JournalException>(() => Open(path)).Message);
        Assert.Equal($"The journal {path} {sentence}", Assert.Throws<JournalException>(() => new JournalReader(path)).Message);
    }

    [Fact]
    public void A_reader_needs_a_journal()
    {
        using var folder = new TempFolder();
        var path = folder.File("empty.db");
        File.WriteAllText(path, "");

        Assert.Throws<JournalException>(() => new JournalReader(folder.File("absent.db")));
        Assert.Equal($"The file {path} holds no journal yet.", Assert.Throws<JournalException>(() => new JournalReader(path)).Message);
    }

    [Fact]
    public async Task A_reader_sees_and_waits_and_changes_nothing()
    {
        await using var host = await SqliteHost.Start();
        await ((IScenarioHost)host).Start("TwoGates", 3);
        await ((IScenarioHost)host).Begun(1);
        using var reader = new JournalReader(host.Path);
        var client = new OrchestrationServiceDurableTaskClient("reader", Microsoft.DurableTask.Converters.JsonDataConverter.Default, reader);

        var running = await client.GetInstanceAsync("i");
        var wait = client.WaitForInstanceCompletionAsync("i", getInputsAndOutputs: true);
        await Assert.ThrowsAsync<NotSupportedException>(() => client.TerminateInstanceAsync("i"));
        host.Activities.Open();

        Assert.Equal((OrchestrationRuntimeStatus.Running, "6"), (running!.RuntimeStatus, (await wait).SerializedOutput));
        Assert.Equal("i", (await client.GetAllInstancesAsync().SingleAsync()).InstanceId);
        Assert.Contains("TwoGates", await reader.GetOrchestrationHistoryAsync("i", ""), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Activities_run_within_their_bound()
    {
        var (now, most) = (0, 0);
        await using var host = await SqliteHost.Start(
            tasks =>
            {
                tasks.AddActivityFunc<int, int>("Counted", async (_, number) =>
                {
                    var running = Interlocked.Increment(ref now);
                    InterlockedMax(ref most, running);
                    await Task.Yield();
                    Interlocked.Decrement(ref now);
                    return number;
                });
                tasks.AddOrchestratorFunc<int, int>("All", async (context, count) =>
                    (await Task.WhenAll(Enumerable.Range(0, count).Select(number => context.CallActivityAsync<int>("Counted", number)))).Length);
            },
            settings: settings => settings with { MaxConcurrentActivities = 3 });

        await ((IScenarioHost)host).Start("All", 500);

        Assert.Equal("500", (await ((IScenarioHost)host).Wait()).SerializedOutput);
        Assert.InRange(most, 1, 3);
    }

    [Fact]
    public async Task An_activity_hears_that_the_worker_stops()
    {
        await using var host = await SqliteHost.Start();
        await ((IScenarioHost)host).Start("TwoGates", 1);
        await ((IScenarioHost)host).Begun(1);

        await host.Close();

        await ((IScenarioHost)host).Eventually(() => Task.FromResult(host.Activities.Canceled == 1));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(10_000, true)]
    [InlineData(10_001, false)]
    public void Settings_have_limits(int value, bool isGood)
    {
        Func<SqliteOrchestrationServiceSettings>[] all =
        [
            () => new SqliteOrchestrationServiceSettings { Path = "x", MaxConcurrentActivities = value == 0 ? -1 : value },
            () => new SqliteOrchestrationServiceSettings { Path = "x", MaxConcurrentOrchestrations = value },
            () => new SqliteOrchestrationServiceSettings { Path = "x", MaxInstancesInMemory = value > 10_000 ? 1_000_001 : value },
        ];

        foreach (var settings in all)
        {
            if (isGood)
                settings();
            else
                Assert.Contains("is outside ", Assert.Throws<ArgumentOutOfRangeException>(settings).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void No_activities_at_all_is_a_setting() =>
        Assert.Equal(0, new SqliteOrchestrationServiceSettings { Path = "x", MaxConcurrentActivities = 0 }.MaxConcurrentActivities);

    private static async Task Suspended(SqliteHost host, string orchestration)
    {
        await ((IScenarioHost)host).Start(orchestration, 5);
        await ((IScenarioHost)host).Begun(1);
        await host.Client.SuspendInstanceAsync("i");
        await ((IScenarioHost)host).Eventually(async () => (await host.Client.GetInstanceAsync("i"))!.RuntimeStatus == OrchestrationRuntimeStatus.Suspended);
    }

    private static SqliteOrchestrationService Open(string path) => new(new SqliteOrchestrationServiceSettings { Path = path });

    private static void InterlockedMax(ref int most, int value)
    {
        for (var seen = most; value > seen;)
            seen = Interlocked.CompareExchange(ref most, value, seen) is var before && before == seen ? value : before;
    }

    private static void Execute(string path, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
