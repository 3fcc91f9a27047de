using DurableTask.Core;
using DurableTask.Core.History;
using Microsoft.Data.Sqlite;
using Microsoft.DurableTask.Client;
using Xunit;

namespace DurableTask.Sqlite.Tests;

/// <summary>SQLite's own error for a full disk, by its limit of pages: what it can write, what it cannot, and how that ends.</summary>
public sealed class FullDiskTests
{
    [Fact]
    public async Task What_runs_waits_for_room_what_is_new_is_refused_and_both_go_on_with_room()
    {
        await using var host = await SqliteHost.Start();
        IScenarioHost scenarios = host;
        await scenarios.Start("TwoGates", 1);
        await scenarios.Begun(1);
        await Fill(host);

        // The result of an activity, which fits no page that is left.
        host.Activities.Open();
        await scenarios.Eventually(() => Task.FromResult(host.Service.Unavailable is not null));
        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(() => scenarios.Start("Chain", new string('x', 20_000), "new"));
        var terminated = await Assert.ThrowsAsync<JournalUnavailableException>(() => host.Client.TerminateInstanceAsync("i"));
        var seen = await scenarios.Get();

        Assert.StartsWith($"The journal {host.Path} cannot be written at present: the disk is full", refused.Message, StringComparison.Ordinal);
        Assert.Equal(refused.Message, terminated.Message);
        Assert.Equal(OrchestrationRuntimeStatus.Running, seen.RuntimeStatus);
        Assert.False(host.Service.Stopped.IsCompleted);

        await MakeRoom(host);

        Assert.Equal("2", (await scenarios.Wait().WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken)).SerializedOutput);
        Assert.Null(host.Service.Unavailable);
        Assert.Null(await host.Client.GetInstanceAsync("new"));
        await scenarios.Start("Chain", 1, "later");
        Assert.Equal(OrchestrationRuntimeStatus.Completed, (await scenarios.Wait("later")).RuntimeStatus);
    }

    [Fact]
    public async Task An_instance_whose_end_or_replacement_was_refused_runs_on()
    {
        await using var host = await SqliteHost.Start();
        IScenarioHost scenarios = host;
        await scenarios.Start("TwoGates", 1);
        await scenarios.Begun(1);
        await Fill(host);

        // Both do their work in the transaction, and all of it is taken back.
        var other = new OrchestrationInstance { InstanceId = "i", ExecutionId = "other" };
        var start = new ExecutionStartedEvent(-1, new string('x', 20_000)) { Name = "TwoGates", OrchestrationInstance = other };
        await Assert.ThrowsAsync<JournalUnavailableException>(() => host.Service.CreateTaskOrchestrationAsync(new TaskMessage { OrchestrationInstance = other, Event = start }, []));
        await Assert.ThrowsAsync<JournalUnavailableException>(() => host.Service.TerminateAsync("i", new string('x', 20_000), recursive: true));
        await MakeRoom(host);
        host.Activities.Open();

        Assert.Equal("2", (await scenarios.Wait().WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken)).SerializedOutput);
        Assert.Equal(0, host.Activities.Canceled);
    }

    [Fact]
    public async Task A_service_can_be_closed_while_the_disk_is_full()
    {
        await using var host = await SqliteHost.Start();
        IScenarioHost scenarios = host;
        await scenarios.Start("TwoGates", 1);
        await scenarios.Begun(1);
        await Fill(host);
        host.Activities.Open();
        await scenarios.Eventually(() => Task.FromResult(host.Service.Unavailable is not null));

        await host.Service.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Free(host.Path);
        await host.Kill();

        Assert.Equal("2", (await scenarios.Wait().WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken)).SerializedOutput);
    }

    /// <summary>No page can be added, and the ones that are there are full.</summary>
    private static async Task Fill(SqliteHost host)
    {
        var limit = Fill(host.Path);
        await host.Service.OnConnection(own => Execute(own, limit));
    }

    private static string Fill(string path)
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        Execute(connection, "CREATE TABLE filler(bytes BLOB); INSERT INTO filler VALUES(zeroblob(1000000))");
        using var pages = connection.CreateCommand();
        pages.CommandText = "PRAGMA page_count";
        var limit = $"PRAGMA max_page_count={(long)pages.ExecuteScalar()!}";
        Execute(connection, limit);
        // What is left in the pages of the tables themselves.
        Fill(connection, "INSERT INTO messages(id, instance, recursive, message) VALUES((SELECT 1000000 + count(*) FROM messages), 0, 0, zeroblob(1000))");
        Fill(connection, "INSERT INTO activities(id, instance, message) VALUES((SELECT 1000000 + count(*) FROM activities), 0, zeroblob(1000))");
        Fill(connection, "INSERT INTO history VALUES(0, (SELECT count(*) FROM history), zeroblob(1000))");
        return limit;
    }

    private static void Fill(SqliteConnection connection, string sql)
    {
        try
        {
            while (true)
                Execute(connection, sql);
        }
        catch (SqliteException full)
        {
            Assert.Equal(13, full.SqliteErrorCode);
        }
    }

    private static async Task MakeRoom(SqliteHost host)
    {
        Free(host.Path);
        await ((IScenarioHost)host).Eventually(() => Task.FromResult(host.Service.Unavailable is null));
    }

    /// <summary>The limit is of the service's connection: another one takes the filler away, as somebody who frees a disk.</summary>
    private static void Free(string path)
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        Execute(connection, "DELETE FROM messages WHERE instance=0; DELETE FROM activities WHERE instance=0; DELETE FROM history WHERE instance=0; DROP TABLE filler");
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
