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
