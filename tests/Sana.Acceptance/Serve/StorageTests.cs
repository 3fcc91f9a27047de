using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.Data.Sqlite;
using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>A server whose disk is full, whose descriptors are used up, or whose journal is damaged.</summary>
public sealed class StorageTests
{
    [Fact]
    public async Task On_a_full_disk_nothing_new_is_taken_and_with_room_everything_goes_on()
    {
        await using var server = await SanaServer.Start();
        for (var i = 0; i < 6; i++)
            Assert.Equal(HttpStatusCode.Accepted, (await server.Send(HttpMethod.Put, $"/v1/jobs/before-{i}", SanaServer.Job($"picture {i}", 1))).Status);

        server.FillDisk(true);
        var (status, problem, headers) = await server.Send(HttpMethod.Put, "/v1/jobs/during", SanaServer.Job("a picture", 1));
        await Until(async () => (await server.Send(HttpMethod.Get, "/readyz")).Body.GetProperty("journal").GetString() != "written");
        var ready = await server.Send(HttpMethod.Get, "/readyz");
        var listed = await server.Send(HttpMethod.Get, "/v1/jobs");
        var page = await server.Http.GetAsync("/");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Equal("storage", problem.GetProperty("code").GetString());
        Assert.NotNull(headers.RetryAfter);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.Status);
        Assert.Contains("cannot be written at present", ready.Body.GetProperty("journal").GetString(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync("/healthz")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        Assert.Equal(6, listed.Body.GetProperty("jobs").GetArrayLength());
        Assert.False(server.HasExited);

        server.FillDisk(false);
        await Until(async () => (await server.Send(HttpMethod.Get, "/readyz")).Status == HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.Accepted, (await server.Send(HttpMethod.Put, "/v1/jobs/during", SanaServer.Job("a picture", 1))).Status);
        foreach (var id in (string[])[.. Enumerable.Range(0, 6).Select(i => $"before-{i}"), "during"])
            await server.Until($"/v1/jobs/{id}", "succeeded", seconds: 120);
        Assert.Equal(0, await server.Terminate());
    }

    [Fact]
    public async Task More_clients_than_descriptors_end_nothing()
    {
        await using var server = await SanaServer.StartUnder("ulimit -n 900");
        var clients = new List<TcpClient>();
        try
        {
            for (var number = 0; number < 400; number++)
            {
                clients.Add(new TcpClient());
                await clients[^1].ConnectAsync(server.Address.Host, server.Address.Port);
            }

            // The control requests of other commands need no connection.
            Assert.Equal(HttpStatusCode.Accepted, await Put(server, "one", clients));
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }

        await server.Until("/v1/jobs/one", "succeeded");
        Assert.Equal(HttpStatusCode.Accepted, (await server.Send(HttpMethod.Put, "/v1/jobs/two", new { input = new { prompt = "slow", width = 64, height = 64, steps = 1000, seeds = Enumerable.Range(0, 16) } })).Status);
        var canceled = await SanaProgram.Run("cancel", "job-two", "--data", server.Data);
        Assert.True(canceled.ExitCode == 0, canceled.Error);
        Assert.Equal(0, await server.Terminate());
        Assert.DoesNotContain("Could not load", server.Errors, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_limit_that_is_too_low_is_a_sentence()
    {
        string[] arguments = ["-c", "ulimit -n 150; exec \"$0\" \"$@\"", SanaProgram.Executable, "serve", "--checkpoint", Path.GetTempPath(), "--data", "never-made"];
        using var process = Process.Start(new ProcessStartInfo("bash", arguments) { RedirectStandardError = true })!;
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal(2, process.ExitCode);
        Assert.Contains("This process may have 150 files and connections open at once (ulimit -n), and serving needs 832", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_journal_is_named_checked_and_rescued()
    {
        await using var server = await SanaServer.Start();
        for (var i = 0; i < 30; i++)
            await server.Send(HttpMethod.Put, $"/v1/jobs/j{i}", SanaServer.Job($"picture {i}", 1));
        for (var i = 0; i < 30; i++)
            await server.Until($"/v1/jobs/j{i}", "succeeded");
        var backup = await SanaProgram.Run("journal", "backup", "--data", server.Data);
        Assert.Equal(0, await server.Terminate());
        var whole = await SanaProgram.Run("journal", "check", "--data", server.Data);
        var journal = Path.Combine(server.Data, "journal.db");
        Damage(journal);

        var refused = await Assert.ThrowsAnyAsync<Exception>(() => server.Again());
        var check = await SanaProgram.Run("journal", "check", "--data", server.Data);
        var rescued = await SanaProgram.Run("journal", "rescue", "--data", server.Data);
        File.Delete(journal);
        File.Move(Path.Combine(server.Data, "journal.rescued.db"), journal);
        await server.Again();
        var jobs = (await server.Send(HttpMethod.Get, "/v1/jobs")).Body.GetProperty("jobs").GetArrayLength();

        Assert.True(backup.ExitCode == 0, backup.Error);
        Assert.Single(Directory.GetFiles(server.Data, "journal-*.db"));
        Assert.Contains("is whole: 30 instances, 0 unfinished", whole.Output, StringComparison.Ordinal);
        Assert.Contains("is damaged", refused.Message, StringComparison.Ordinal);
        Assert.Contains("sana journal rescue", refused.Message, StringComparison.Ordinal);
        Assert.Equal(1, check.ExitCode);
        Assert.Contains("is damaged", check.Output, StringComparison.Ordinal);
        Assert.True(rescued.ExitCode == 0, rescued.Error);
        Assert.InRange(jobs, 1, 29);
        Assert.Contains($"holds {jobs} instances", rescued.Output, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Accepted, (await server.Send(HttpMethod.Put, "/v1/jobs/new", SanaServer.Job("a picture", 1))).Status);
        await server.Until("/v1/jobs/new", "succeeded");
    }

    [Fact]
    public async Task A_journal_without_its_wal_is_not_taken_for_a_whole_one()
    {
        await using var server = await SanaServer.Start();
        await server.Send(HttpMethod.Put, "/v1/jobs/one", SanaServer.Job("a picture", 1));
        await server.Until("/v1/jobs/one", "succeeded");
        await server.Kill();
        File.Delete(Path.Combine(server.Data, "journal.db-wal"));
        File.Delete(Path.Combine(server.Data, "journal.db-shm"));

        var refused = await Assert.ThrowsAnyAsync<Exception>(() => server.Again());

        Assert.Matches("has lost [1-9][0-9]* of [1-9][0-9]* transactions, the last ones", refused.Message);
    }

    /// <summary>A client that is let in once another one has left.</summary>
    private static async Task<HttpStatusCode> Put(SanaServer server, string id, List<TcpClient> clients)
    {
        for (var tries = 0; ; tries++)
        {
            try
            {
                return (await server.Send(HttpMethod.Put, $"/v1/jobs/{id}", SanaServer.Job("a picture", 1))).Status;
            }
            catch (HttpRequestException) when (tries < 100)
            {
                clients[tries].Dispose();
            }
        }
    }

    /// <summary>Overwrites a leaf of the table of instances.</summary>
    private static void Damage(string path)
    {
        SqliteConnection.ClearAllPools();
        var bytes = File.ReadAllBytes(path);
        var leaf = Enumerable.Range(1, (bytes.Length / 4096) - 1).First(page => bytes[page * 4096] == 0x0D && bytes.AsSpan(page * 4096, 4096).IndexOf("RunJob"u8) >= 0);
        bytes.AsSpan(leaf * 4096, 4096).Fill(0xA5);
        File.WriteAllBytes(path, bytes);
    }

    private static async Task Until(Func<Task<bool>> holds)
    {
        for (var patience = Stopwatch.StartNew(); !await holds(); await Task.Delay(100))
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(60), "It did not happen in time.");
    }
}
