using System.Diagnostics;
using System.Net;
using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>Starting, dying, coming back, and what the clock starts.</summary>
public sealed class LifeTests
{
    [Fact]
    public async Task Jobs_that_were_accepted_before_a_crash_are_done_after_it()
    {
        await using var server = await SanaServer.Start();
        for (var i = 0; i < 12; i++)
            Assert.Equal(HttpStatusCode.Accepted, (await server.Send(HttpMethod.Put, $"/v1/jobs/c{i}", SanaServer.Job($"picture {i}", 1))).Status);

        await server.Crash();

        for (var i = 0; i < 12; i++)
            await server.Until($"/v1/jobs/c{i}", "succeeded");
        Assert.Equal(0, await server.Terminate());
    }

    [Fact]
    public async Task An_id_is_one_request_also_when_the_journal_is_gone()
    {
        await using var server = await SanaServer.Start();
        Assert.Equal(HttpStatusCode.Accepted, (await server.Send(HttpMethod.Put, "/v1/jobs/same", SanaServer.Job("a red box", 1))).Status);
        var first = Sha256(await server.Until("/v1/jobs/same", "succeeded"));
        Assert.Equal(HttpStatusCode.Accepted, (await server.Send(HttpMethod.Post, "/v1/jobs", SanaServer.Job("a red box", 2), ("Idempotency-Key", "order 7"))).Status);

        await server.Kill();
        foreach (var file in Directory.EnumerateFiles(server.Data, "journal.db*").Concat(Directory.EnumerateFiles(server.Data, "queue.db*")))
            File.Delete(file);
        await server.Crash();

        var (status, body, _) = await server.Send(HttpMethod.Put, "/v1/jobs/same", SanaServer.Job("a blue ball", 1));
        Assert.Equal(HttpStatusCode.Conflict, status);
        Assert.Contains("results/same.json", body.ToString(), StringComparison.Ordinal);
        Assert.True((await server.Send(HttpMethod.Put, "/v1/jobs/same", SanaServer.Job("a red box", 1))).Status is HttpStatusCode.OK or HttpStatusCode.Accepted);
        Assert.Equal(first, Sha256(await server.Until("/v1/jobs/same", "succeeded")));
        File.Delete(Path.Combine(server.Data, "blobs/results/same.json"));
        await server.Kill();
        foreach (var file in Directory.EnumerateFiles(server.Data, "journal.db*"))
            File.Delete(file);
        await server.Crash();
        Assert.Equal(HttpStatusCode.Accepted, (await server.Send(HttpMethod.Put, "/v1/jobs/same", SanaServer.Job("a blue ball", 1))).Status);
        Assert.NotEqual(first, Sha256(await server.Until("/v1/jobs/same", "succeeded")));

        static string Sha256(System.Text.Json.JsonElement job) => job.GetProperty("images")[0].GetProperty("sha256").GetString()!;
    }

    [Fact]
    public async Task A_schedule_starts_runs_that_find_what_is_there()
    {
        var prompts = Path.GetTempFileName() + ".txt";
        await File.WriteAllTextAsync(prompts, "a clock\n");
        await using var server = await SanaServer.Start(new
        {
            schedules = new[] { new { schedule = new { name = "often", cron = "*/2 * * * * *" }, generate = new { prompts, width = 64, height = 64, steps = 2 } } },
        });

        for (var patience = Stopwatch.StartNew(); patience.Elapsed < TimeSpan.FromSeconds(40); await Task.Delay(200))
        {
            var batches = (await server.Send(HttpMethod.Get, "/v1/batches")).Body.GetProperty("batches").EnumerateArray().Where(batch => batch.GetProperty("status").GetString() == "succeeded").ToList();
            if (batches.Count < 2)
                continue;
            Assert.All(batches, batch => Assert.Equal(1, batch.GetProperty("succeeded").GetInt64()));
            Assert.Single(batches.Select(batch => batch.GetProperty("manifest").GetString()).Distinct());
            File.Delete(prompts);
            return;
        }

        Assert.Fail($"No two runs were started: {server.Errors}");
    }

    [Theory]
    [InlineData("http://0.0.0.0:0", null, "give a key")]
    [InlineData("http://[::]:0", null, "give a key")]
    [InlineData("http://*:0", null, "give a key")]
    [InlineData("http://127.0.0.1:0;http://10.0.0.1:0", null, "give a key")]
    [InlineData("http://127.0.0.1:0", "short", "at least 16")]
    [InlineData("https://127.0.0.1:0", null, "proxy")]
    [InlineData("nonsense", null, "is not an address")]
    public async Task What_would_be_open_or_cannot_be_is_refused_with_a_sentence(string urls, string? key, string sentence)
    {
        var start = new ProcessStartInfo(SanaProgram.Executable, ["serve", "--checkpoint", Path.GetTempPath(), "--data", "never-made", "--urls", urls]) { RedirectStandardError = true };
        start.Environment["SANA_API_KEY"] = key ?? "";

        using var process = Process.Start(start)!;
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal(2, process.ExitCode);
        Assert.Contains(sentence, error, StringComparison.Ordinal);
    }
}
