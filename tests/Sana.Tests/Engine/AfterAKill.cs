using System.Globalization;
using Microsoft.Data.Sqlite;
using Sana.Local.Engine;
using Sana.Tests.Support;
using Sana.Workflows.Contract;
using Xunit;

namespace Sana.Tests.Engine;

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
        Assert.Equal("0", Ask(folder.Path, "SELECT count(*) FROM instances WHERE status<>'Completed'"));
        Assert.Equal("0", Ask(folder.Path, "SELECT count(*) FROM (SELECT 1 FROM history WHERE call>=0 GROUP BY instance, call HAVING count(*)>1)"));
        Assert.Equal("0", Ask(folder.Path, "SELECT count(*) FROM retries"));
    }

    [Fact]
    public async Task A_second_process_is_told_who_owns_the_journal()
    {
        using var folder = new TempFolder();
        using var owner = Victim.Start(folder.Path);
        await Lines(owner, 5);

        var refusal = Assert.Throws<EngineException>(() =>
            SqliteEngine.Open(new SqliteEngineOptions { Path = Victim.Journal(folder.Path) }, new WorkflowRegistry()));
        using (var reader = JournalReader.Open(Victim.Journal(folder.Path)))
            Assert.Equal(WorkflowStatus.Running, reader.Find("i")!.Status);
        owner.Kill();
        await owner.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Contains($"process {owner.Id} on {Environment.MachineName} since ", refusal.Message, StringComparison.Ordinal);
        await using var heir = SqliteEngine.Open(new SqliteEngineOptions { Path = Victim.Journal(folder.Path) }, new WorkflowRegistry());
    }

    /// <summary>1 when it was killed while it ran the workflow.</summary>
    private static async Task<int> RunAndKill(string folder, int lines)
    {
        using var victim = Victim.Start(folder);
        await Lines(victim, lines);
        victim.Kill();
        await victim.WaitForExitAsync(TestContext.Current.CancellationToken);
        return victim.ExitCode != 0 && lines > 1 ? 1 : 0;
    }

    private static async Task Lines(System.Diagnostics.Process process, int count)
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
