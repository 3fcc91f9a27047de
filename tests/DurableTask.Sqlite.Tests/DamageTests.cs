using System.Text;
using Microsoft.Data.Sqlite;
using Microsoft.DurableTask.Client;
using Xunit;

namespace DurableTask.Sqlite.Tests;

/// <summary>Journals whose pages are damaged, whose newest part is missing, and what is brought out of them.</summary>
public sealed class DamageTests
{
    [Fact]
    public async Task A_damaged_page_is_found_at_the_start_and_nothing_is_written()
    {
        await using var host = await Finished(30);
        await host.Close();
        Damage(host.Path, Leaves(host.Path, 0x0A, "ExecutionStartedEvent")[^1]);
        var before = File.ReadAllBytes(host.Path);

        var refusal = Assert.Throws<JournalDamagedException>(() => Open(host.Path));
        var check = JournalFile.Check(host.Path);

        Assert.StartsWith($"The journal {host.Path} is damaged (", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("safe", refusal.Message, StringComparison.Ordinal);
        Assert.NotEmpty(check.Damages);
        Assert.Equal(before, File.ReadAllBytes(host.Path));
        Open(host.Path, checks: false).Abandon();
    }

    [Fact]
    public async Task Damage_met_while_running_says_so_and_does_not_say_that_all_is_safe()
    {
        await using var host = await Finished(30);
        await host.Kill();
        await host.Service.OnConnection(connection => Execute(connection, "PRAGMA cache_size=1"));
        Execute(host.Path, "PRAGMA wal_checkpoint(TRUNCATE)");
        foreach (var page in Leaves(host.Path, 0x0D, "Says"))
            Damage(host.Path, page);

        await Assert.ThrowsAsync<JournalDamagedException>(() => ((IScenarioHost)host).Start("Chain", 1, "new"));
        Assert.Contains("is damaged", (await Assert.ThrowsAsync<JournalDamagedException>(() => host.Service.Stopped)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wal_that_is_missing_is_noticed_and_one_that_was_put_away_is_not_missed()
    {
        await using var host = await Finished(3);
        // As a kill leaves it: the service's own closing puts the -wal away.
        foreach (var end in (string[])["", "-wal", ".written"])
            File.Copy(host.Path + end, $"{host.Path}.copy{end}");
        host.Service.Abandon();

        Open(host.Path).Abandon();
        var whole = JournalFile.Check(host.Path + ".copy");
        File.Delete(host.Path + ".copy-wal");
        File.Delete(host.Path + ".copy-shm");
        var refusal = Assert.Throws<JournalDamagedException>(() => Open(host.Path + ".copy"));
        var check = JournalFile.Check(host.Path + ".copy");

        Assert.Empty(whole.Damages);
        Assert.Matches("has lost [1-9][0-9]* of [1-9][0-9]* transactions, the last ones: the file .*-wal that held them is missing", refusal.Message);
        Assert.Single(check.Damages);
        File.Delete(host.Path + ".copy.written");
        Open(host.Path + ".copy").Abandon();
    }

    [Fact]
    public async Task A_backup_of_a_running_journal_goes_on_in_its_place()
    {
        await using var host = await SqliteHost.Start();
        await ((IScenarioHost)host).Start("TwoGates", 1);
        await ((IScenarioHost)host).Begun(1);

        JournalFile.Backup(host.Path, host.Path + ".backup");
        Assert.Throws<JournalException>(() => JournalFile.Backup(host.Path, host.Path + ".backup"));
        host.Activities.Open();
        await ((IScenarioHost)host).Wait();
        host.Service.Abandon();
        File.Move(host.Path + ".backup", host.Path, overwrite: true);
        await host.Kill();

        Assert.Equal("2", (await ((IScenarioHost)host).Wait()).SerializedOutput);
        Assert.Empty(JournalFile.Check(host.Path).Damages);
    }

    [Fact]
    public async Task What_can_be_read_goes_on_and_what_cannot_is_failed_and_named()
    {
        await using var host = await Finished(60);
        IScenarioHost scenarios = host;
        // Of the child of one of them the history is lost, of the other nothing.
        await scenarios.Start("Waits", 1, "broken");
        await scenarios.Start("TwoGates", 2, "whole");
        await scenarios.Begun(2);
        host.Service.Abandon();
        Execute(host.Path, "PRAGMA wal_checkpoint(TRUNCATE)");
        Tear(host.Path, "history", "broken.child");
        Damage(host.Path, Leaves(host.Path, 0x0D, "Says")[5]);

        var rescued = JournalFile.Rescue(host.Path, host.Path + ".rescued");
        File.Move(host.Path + ".rescued", host.Path, overwrite: true);
        foreach (var end in (string[])["-wal", "-shm"])
            File.Delete(host.Path + end);
        host.Activities.Open();
        await host.Kill();

        Assert.Empty(JournalFile.Check(host.Path).Damages);
        Assert.InRange(rescued.Lost.Count, 1, 40);
        Assert.True(rescued.IsListComplete);
        Assert.Equal(63, rescued.Instances + rescued.Lost.Count);
        Assert.Equal(["broken.child"], rescued.Failed);
        Assert.Equal("4", (await scenarios.Wait("whole")).SerializedOutput);
        // Its parent is told.
        var broken = await scenarios.Wait("broken");
        Assert.Equal(OrchestrationRuntimeStatus.Failed, broken.RuntimeStatus);
        Assert.Contains("The journal was damaged: its history could not be read", (await scenarios.Get("broken.child")).FailureDetails!.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_message_that_cannot_be_read_is_damage_and_its_instance_is_failed_by_the_rescue()
    {
        await using var host = await SqliteHost.Start();
        await ((IScenarioHost)host).Start("TwoGates", 1);
        await ((IScenarioHost)host).Begun(1);
        host.Service.Abandon();
        Execute(host.Path, "UPDATE activities SET message='{'");

        var service = Open(host.Path);
        var refusal = await Assert.ThrowsAsync<JournalDamagedException>(service.StartAsync);
        await service.DisposeAsync();
        var rescued = JournalFile.Rescue(host.Path, host.Path + ".rescued");

        Assert.Contains("is no message", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(["i"], rescued.Failed);
    }

    [Fact]
    public void Nothing_is_brought_out_of_what_is_no_journal()
    {
        using var folder = new Sana.Tests.Support.TempFolder();
        File.WriteAllText(folder.File("journal.db"), new string('x', 5000));

        Assert.ThrowsAny<JournalException>(() => JournalFile.Rescue(folder.File("journal.db"), folder.File("rescued.db")));
        Assert.Throws<JournalException>(() => JournalFile.Check(folder.File("absent.db")));
        Assert.False(File.Exists(folder.File("rescued.db")));
        Assert.DoesNotContain(Directory.GetFiles(folder.Path), file => file.Contains(".tmp", StringComparison.Ordinal));
    }

    /// <summary>A host with so many finished instances, each with some kilobytes.</summary>
    private static async Task<SqliteHost> Finished(int count)
    {
        var host = await SqliteHost.Start(tasks => tasks.AddOrchestratorFunc<string, string>("Says", (_, text) => Task.FromResult(text)));
        IScenarioHost scenarios = host;
        for (var number = 0; number < count; number++)
            await scenarios.Start("Says", $"{number} {new string('x', 1500)}", $"i-{number}");
        for (var number = 0; number < count; number++)
            Assert.Equal(OrchestrationRuntimeStatus.Completed, (await scenarios.Wait($"i-{number}")).RuntimeStatus);
        return host;
    }

    private static SqliteOrchestrationService Open(string path, bool checks = true) => new(new SqliteOrchestrationServiceSettings { Path = path, ChecksJournal = checks });

    /// <summary>The leaf pages, 0x0D of a table and 0x0A of what is kept in the order of its key, that hold a text.</summary>
    private static List<long> Leaves(string path, byte kind, string text)
    {
        var bytes = File.ReadAllBytes(path);
        return [.. Enumerable.Range(1, (bytes.Length / 4096) - 1).Where(page => bytes[page * 4096] == kind && bytes.AsSpan(page * 4096, 4096).IndexOf(Encoding.UTF8.GetBytes(text)) >= 0).Select(page => page + 1L)];
    }

    /// <summary>Overwrites a page with what is no page.</summary>
    private static void Damage(string path, long page)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        RandomAccess.Write(file, Enumerable.Repeat((byte)0xA5, 4096).ToArray(), (page - 1) * 4096);
    }

    /// <summary>What a torn write leaves in one row.</summary>
    private static void Tear(string path, string table, string id) =>
        Execute(path, $"UPDATE {table} SET events=substr(events, 1, 10) WHERE instance=(SELECT key FROM instances WHERE id='{id}')");

    private static SqliteConnection Connect(string path)
    {
        var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        return connection;
    }

    private static void Execute(string path, string sql)
    {
        using var connection = Connect(path);
        Execute(connection, sql);
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
