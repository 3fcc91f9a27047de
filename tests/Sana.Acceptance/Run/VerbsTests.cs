using System.Text.Json;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Run;

/// <summary>The verbs that look at and steer what a data folder holds: status, suspend, resume, cancel, retry, queue.</summary>
public sealed class VerbsTests(SmallCheckpoint checkpoint) : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Data => _folder.File("data");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_servers_schedules_and_jobs_are_shown_and_not_spoiled()
    {
        await File.WriteAllTextAsync(_folder.File("prompts.txt"), "a cat\n");
        await using var server = await SanaServer.Start(new
        {
            schedules = new[] { new { schedule = new { name = "nightly", cron = "0 0 2 * * *" }, generate = new { prompts = _folder.File("prompts.txt"), width = 64, height = 64, steps = 2 } } },
        });
        await server.Send(HttpMethod.Put, "/v1/jobs/one", SanaServer.Job("a cat", 1));
        await server.Until("/v1/jobs/one", "succeeded");

        var all = await SanaProgram.Run("status", "--data", server.Data);
        var job = await SanaProgram.Run("status", "job-one", "--data", server.Data);
        var json = await SanaProgram.Run("status", "--data", server.Data, "--json");
        await server.Terminate();
        var resumed = await SanaProgram.Run("resume", "job-one", "--data", server.Data);
        var schedule = await SanaProgram.Run("resume", "schedule-nightly", "--data", server.Data);
        var after = await SanaProgram.Run("status", "job-one", "--data", server.Data);

        Assert.Equal((0, 0, 0), (all.ExitCode, job.ExitCode, json.ExitCode));
        Assert.Contains("schedule-nightly Running", all.Output, StringComparison.Ordinal);
        Assert.Contains("job-one Completed", all.Output, StringComparison.Ordinal);
        Assert.Equal(2, JsonDocument.Parse(json.Output).RootElement.GetProperty("instances").GetArrayLength());
        // The command knows every workflow that the server knew: a job that has its result keeps it, and a schedule stays as it is.
        Assert.True((resumed.ExitCode, schedule.ExitCode) == (0, 0), resumed.Error + schedule.Error);
        Assert.Contains("job-one Completed", resumed.Output, StringComparison.Ordinal);
        Assert.Contains("schedule-nightly Running", schedule.Output, StringComparison.Ordinal);
        Assert.Equal(job.Output, after.Output);
    }

    [Fact]
    public async Task A_run_is_suspended_resumed_and_tried_again()
    {
        using (var process = SanaProgram.Start(Generate()))
        {
            await Until(output => output.Contains("generate-verbs Running", StringComparison.Ordinal));
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
        }

        var suspended = await SanaProgram.Run("suspend", "generate-verbs", "--data", Data);
        var held = await SanaProgram.Run("status", "generate-verbs", "--data", Data);
        var twice = await SanaProgram.Run("suspend", "generate-verbs", "--data", Data);
        var queue = await SanaProgram.Run("queue", "--data", Data);
        var resumed = await SanaProgram.Run("resume", "generate-verbs", "--data", Data);
        var retried = await SanaProgram.Run("retry", "generate-verbs", "--reason", "nan", "--data", Data, "--json");
        var canceled = await SanaProgram.Run("cancel", "generate-verbs", "--reason", "enough", "--data", Data);
        var ended = await SanaProgram.Run("status", "generate-verbs", "--data", Data, "--json");
        var again = await SanaProgram.Run("resume", "generate-verbs", "--data", Data);

        Assert.Equal(0, suspended.ExitCode);
        Assert.Contains("generate-verbs Suspended", held.Output, StringComparison.Ordinal);
        Assert.Equal(1, twice.ExitCode);
        Assert.Contains("There is nothing to suspend", twice.Error, StringComparison.Ordinal);
        Assert.Matches(@"^jobs: \d+ waits?, \d+ (is|are) held, 0 are dead", queue.Output);
        Assert.True(resumed.ExitCode == 0, resumed.Error);
        Assert.Contains("generate-verbs Completed", resumed.Output, StringComparison.Ordinal);
        Assert.True(JsonDocument.Parse(retried.Output).RootElement.GetProperty("done").GetBoolean());
        // Nothing failed for that reason, so the retry may have ended before the cancel came.
        Assert.Contains(canceled.ExitCode, new[] { 0, 1 });
        Assert.Contains(JsonDocument.Parse(ended.Output).RootElement.GetProperty("status").GetString(), new[] { "completed", "canceled" });
        Assert.True(again.ExitCode == 0, again.Error);
    }

    [Fact]
    public async Task A_run_that_is_canceled_says_why()
    {
        using (var process = SanaProgram.Start(Generate()))
        {
            await Until(output => output.Contains("generate-verbs Running", StringComparison.Ordinal));
            // The process that runs it carries the wish out, and ends with it.
            var canceled = await SanaProgram.Run("cancel", "generate-verbs", "--reason", "not wanted", "--data", Data);
            await process.WaitForExitAsync();

            Assert.Equal((0, 1), (canceled.ExitCode, process.ExitCode));
        }

        var shown = await SanaProgram.Run("status", "generate-verbs", "--data", Data);

        Assert.Contains("generate-verbs Canceled", shown.Output, StringComparison.Ordinal);
        Assert.Contains("not wanted", shown.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("status")]
    [InlineData("suspend", "x")]
    [InlineData("cancel", "x")]
    [InlineData("retry", "x", "--reason", "nan")]
    public async Task Without_a_journal_it_is_said(params string[] verb)
    {
        var run = await SanaProgram.Run([.. verb, "--data", Data]);

        Assert.Equal(1, run.ExitCode);
        Assert.Matches("^sana: .*(There is no journal in|cannot be opened|holds no journal)", run.Error);
    }

    private string[] Generate()
    {
        File.WriteAllLines(_folder.File("prompts.txt"), Enumerable.Range(0, 400).Select(i => $"prompt {i}"));
        return
        [
            "generate", "--checkpoint", checkpoint.Path, "--data", Data, "--prompts", _folder.File("prompts.txt"), "--run", "verbs", "--width", "64", "--height", "64", "--steps", "2", "--no-binning",
        ];
    }

    private async Task Until(Func<string, bool> seen)
    {
        for (var look = 0; look < 300; look++)
        {
            if (File.Exists(Path.Combine(Data, "journal.db")) && await SanaProgram.Run("status", "--data", Data) is { ExitCode: 0 } status && seen(status.Output))
                return;
            await Task.Delay(100);
        }

        Assert.Fail("It did not happen in time.");
    }
}
