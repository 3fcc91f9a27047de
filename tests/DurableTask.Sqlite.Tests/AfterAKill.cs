using System.Diagnostics;
using System.Globalization;
using DurableTask.Core;
using Microsoft.Data.Sqlite;
using Sana.Tests.Support;
using Xunit;

namespace DurableTask.Sqlite.Tests;

/// <summary>Real processes, really killed.</summary>
public class AfterAKill
{
    private const int Kills = 15;

    [Fact]
    public async Task Every_effect_is_there_and_the_journal_is_whole()
    {
        using var folder = new TempFolder();
        var random = new Random(4);
        var killedAtWork = 0;

        for (var kill = 0; kill < Kills; kill++)
            killedAtWork += await RunAndKill(folder.Path, random.Next(0, 90));
        using var last = Victim.Start(folder.Path);
        var said = await last.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await last.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.EndsWith($"Completed {Victim.Items} \n", said, StringComparison.Ordinal);
        Assert.Equal(0, last.ExitCode);
        Assert.InRange(killedAtWork, 10, Kills);
        Assert.All(Enumerable.Range(0, Victim.Items), item =>
            Assert.Equal(item.ToString(CultureInfo.InvariantCulture), File.ReadAllText(Victim.Effect(folder.Path, item))));
        Assert.Equal("ok", Ask(folder.Path, "PRAGMA integrity_check"));
        Assert.Equal("0", Ask(folder.Path, $"SELECT count(*) FROM instances WHERE status<>{(int)OrchestrationStatus.Completed}"));
        Assert.Equal("0", Ask(folder.Path, "SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM activities)"));
        Assert.Equal("0", Ask(folder.Path, "SELECT count(*) FROM history WHERE instance NOT IN (SELECT key FROM instances)"));
        Assert.Equal(
            "0",
            Ask(
                folder.Path,
                """
                SELECT count(*) FROM (SELECT 1 FROM history h, json_each(h.events) e WHERE e.value->>'$."$type"'='TaskCompletedEvent'
                GROUP BY h.instance, coalesce(e.value->>'TaskScheduledId', 0) HAVING count(*)>1)
                """));
    }

    [Fact]
    public async Task A_second_process_is_told_who_owns_the_journal()
    {
        using var folder = new TempFolder();
        using var owner = Victim.Start(folder.Path);
        await Lines(owner, 5);

        var refusal = Assert.Throws<JournalException>(() => Open(folder.Path));
        using (var reader = new JournalReader(Victim.Journal(folder.Path)))
            Assert.Equal(OrchestrationStatus.Running, (await reader.GetOrchestrationStateAsync("i", false)).Single().OrchestrationStatus);
        owner.Kill();
        await owner.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Contains($"process {owner.Id} on {Environment.MachineName} since ", refusal.Message, StringComparison.Ordinal);
        await using var heir = Open(folder.Path);
    }

    private static SqliteOrchestrationService Open(string folder) => new(new SqliteOrchestrationServiceSettings { Path = Victim.Journal(folder) });

    /// <summary>1 when it was killed while it ran the orchestration.</summary>
    private static async Task<int> RunAndKill(string folder, int lines)
    {
        using var victim = Victim.Start(folder);
        await Lines(victim, lines);
        victim.Kill();
        await victim.WaitForExitAsync(TestContext.Current.CancellationToken);
        return victim.ExitCode != 0 && lines > 1 ? 1 : 0;
    }

    private static async Task Lines(Process process, int count)
    {
        for (var line = 0; line < count; line++)
            await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);
    }

    private static string Ask(string folder, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Victim.Journal(folder)};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToString(command.ExecuteScalar(), CultureInfo.InvariantCulture)!;
    }
}
