using DurableTask.Core;
using DurableTask.Core.Query;
using Microsoft.Data.Sqlite;
using Sana.Tests.Support;
using SQLitePCL;
using Xunit;

namespace DurableTask.Sqlite.Tests;

/// <summary>What looks cost, and that they and the writer leave each other alone.</summary>
public sealed class ReadsTests : IDisposable
{
    private const int Jobs = 20_000;

    private readonly TempFolder _folder = new();

    private string Path => _folder.File("journal.db");

    public static TheoryData<string?, OrchestrationStatus[]?, int> Lists => new()
    {
        { "job-", null, 12 },
        { "job-", [OrchestrationStatus.Running, OrchestrationStatus.Pending, OrchestrationStatus.Suspended], 2 },
        { "run-", null, 3 },
        { "run-", [OrchestrationStatus.Running, OrchestrationStatus.Pending, OrchestrationStatus.Suspended], 1 },
        { "absent-", null, 0 },
        { "job-19", null, 12 },
        { "job-1999", null, 11 },
        { null, null, 12 },
        { null, [OrchestrationStatus.Running, OrchestrationStatus.Pending, OrchestrationStatus.Suspended], 3 },
    };

    [Theory]
    [MemberData(nameof(Lists))]
    public void A_list_costs_what_it_shows_and_not_what_the_journal_holds(string? prefix, OrchestrationStatus[]? statuses, int shown)
    {
        Fill();
        using var journal = Journal.Open(Path, write: false, survivePowerLoss: false);
        var hundreds = 0;
        raw.sqlite3_progress_handler(journal.Connection.Handle, 100, _ => 0 * ++hundreds, null);

        var page = journal.Query(new OrchestrationQuery { InstanceIdPrefix = prefix, RuntimeStatus = statuses, PageSize = 12 }).OrchestrationState.Select(state => state.OrchestrationInstance.InstanceId).ToList();

        Assert.Equal(shown, page.Count);
        Assert.All(page, id => Assert.StartsWith(prefix ?? "", id, StringComparison.Ordinal));
        // Ids of one longer prefix are found by that prefix: as many steps as there are of them.
        Assert.InRange(hundreds, 0, prefix == "job-19" ? 1_000 : 20);
    }

    [Fact]
    public async Task What_is_listed_is_in_the_order_of_its_making_and_pages_do_not_overlap()
    {
        Fill();
        await using var service = Service();
        List<string> all = [];
        string? next = null;
        do
        {
            var page = await service.QueryAsync(new OrchestrationQuery { InstanceIdPrefix = "job-1", PageSize = 1_000, ContinuationToken = next }, topOnly: true);
            all.AddRange(page.OrchestrationState.Select(state => state.OrchestrationInstance.InstanceId));
            next = page.ContinuationToken;
        }
        while (next is not null);

        Assert.Equal(Enumerable.Range(0, Jobs).Select(number => $"job-{number}").Where(id => id.StartsWith("job-1", StringComparison.Ordinal)).Reverse(), all);
    }

    [Fact]
    public async Task A_look_does_not_wait_for_the_writer()
    {
        await using var service = Service();
        var (held, open) = (new ManualResetEventSlim(), new ManualResetEventSlim());
        var writing = service.OnConnection(_ =>
        {
            held.Set();
            open.Wait();
        });
        held.Wait(TestContext.Current.CancellationToken);

        Assert.Empty((await service.QueryAsync(new OrchestrationQuery(), topOnly: false).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken)).OrchestrationState);
        Assert.Empty(await service.GetOrchestrationStateAsync("i", false).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));

        Assert.False(writing.IsCompleted);
        open.Set();
        await writing;
    }

    [Fact]
    public async Task A_journal_of_an_earlier_program_gets_what_it_lacks()
    {
        Fill();
        Execute(Path, "DROP INDEX instances_by_group; DROP INDEX instances_unfinished; DROP TABLE written");
        using (var before = new JournalReader(Path))
            Assert.Equal(3, (await before.GetOrchestrationWithQueryAsync(new OrchestrationQuery { InstanceIdPrefix = "run-" }, default)).OrchestrationState.Count);

        await using var service = Service();

        Assert.Equal(3, (await service.QueryAsync(new OrchestrationQuery { InstanceIdPrefix = "run-" }, topOnly: false)).OrchestrationState.Count);
        Assert.Equal(2L, Ask("SELECT count(*) FROM sqlite_master WHERE name IN ('instances_by_group', 'instances_unfinished')"));
        Assert.Equal(1L, Ask("SELECT count(*) FROM written"));
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>Three runs, one of which goes on; then many jobs that have finished but for two.</summary>
    private void Fill()
    {
        Journal.Open(Path, write: true, survivePowerLoss: true).Dispose();
        Execute(
            Path,
            $"""
            INSERT INTO instances(id, execution, name, status, created, updated) VALUES('run-a', 'x', 'Run', 1, 1, 1), ('run-b', 'x', 'Run', 0, 1, 1), ('run-c', 'x', 'Run', 1, 1, 1);
            WITH RECURSIVE n(value) AS (SELECT 0 UNION ALL SELECT value + 1 FROM n WHERE value < {Jobs - 1})
            INSERT INTO instances(id, execution, name, status, input, output, created, updated)
              SELECT 'job-' || value, 'x', 'Job', CASE WHEN value IN (7, 5000) THEN 0 ELSE 1 END, '"in"', '"out"', 1, 1 FROM n;
            """);
    }

    private SqliteOrchestrationService Service() => new(new SqliteOrchestrationServiceSettings { Path = Path, Retention = Timeout.InfiniteTimeSpan });

    private long Ask(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Path};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long)command.ExecuteScalar()!;
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
