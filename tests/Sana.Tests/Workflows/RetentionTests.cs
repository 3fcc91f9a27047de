using Sana.Jobs;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;
using Xunit;

namespace Sana.Tests.Workflows;

/// <summary>What is forgotten after the time to keep, and what stays.</summary>
public sealed class RetentionTests : IAsyncLifetime
{
    private JobHost _host = null!;

    // Files have the system's time.
    public async ValueTask InitializeAsync() => _host = await JobHost.Sqlite.Start(DateTimeOffset.UtcNow);

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task What_is_older_goes_and_what_was_asked_for_by_name_stays()
    {
        await Everything();
        var runs = await Names("runs/");
        _host.Clock.SetUtcNow(DateTimeOffset.UtcNow.AddDays(31));

        var removed = await Purge(TimeSpan.FromDays(30));

        Assert.Equal((1, 1), (removed.Instances, removed.DeadLetters));
        Assert.Equal(["work/link.key"], (await Names("")).Except(runs).Except(["datasets/d/v1/manifest.json", "inputs/mine.json"]));
        Assert.Equal(runs, await Names("runs/"));
        Assert.Empty(await _host.Client.List(""));
        Assert.Empty(await _host.Queue.Dead(32));
        Assert.False(Directory.Exists(Path.Combine(_host.File("blobs"), "jobs")));
    }

    [Fact]
    public async Task What_is_younger_stays_and_without_a_time_everything_does()
    {
        await Everything();
        var before = await Names("");

        _host.Clock.SetUtcNow(DateTimeOffset.UtcNow.AddDays(29));
        Assert.Equal(default, await Purge(TimeSpan.FromDays(30)));
        _host.Clock.SetUtcNow(DateTimeOffset.UtcNow.AddDays(400));
        Assert.Equal(default, await Purge(null));

        Assert.Equal(before, await Names(""));
    }

    [Fact]
    public async Task The_prompts_of_a_run_that_can_still_be_retried_stay()
    {
        await Everything();
        foreach (var file in Directory.EnumerateFiles(_host.File("blobs"), "*", SearchOption.AllDirectories))
            File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddDays(-40));
        _host.Clock.SetUtcNow(DateTimeOffset.UtcNow.AddDays(1));
        var (run, _) = await GenerateSubmission.Start(_host.Client, _host.Blobs, "another checkpoint", JobScenarios.Job(), null, default);
        Assert.True(await _host.Client.Suspend(run.Id));

        await Purge(TimeSpan.FromDays(30));

        var document = WorkflowJson.Read<GenerateRequest>(run.Input).Job;
        Assert.Equal([document, "work/link.key", GenerateSubmission.BlobsOf((await _host.Blobs.Read(document, default))!)[0] + "000000"], await Names("work/"));
    }

    [Fact]
    public async Task A_canceled_batch_of_the_api_goes_with_its_images_and_a_canceled_run_of_a_command_keeps_them()
    {
        var document = await GenerateSubmission.Write(_host.Blobs, JobScenarios.Job() with { Run = "batch" }, default);
        await _host.Client.Start(GenerateImages.Workflow, new GenerateRequest(document, new Pace()), "generate-batch");
        var (command, _) = await GenerateSubmission.Start(_host.Client, _host.Blobs, _host.Renderer.Fingerprint, JobScenarios.Job(), null, default);
        while ((await Names("runs/batch/")).Length < 3 || (await Names("runs/")).Length < 6)
            await _host.Turn();
        foreach (var id in new[] { "generate-batch", command.Id })
        {
            Assert.True(await _host.Client.Cancel(id, "the test"));
            await _host.Client.Wait(id);
        }

        _host.Clock.SetUtcNow(DateTimeOffset.UtcNow.AddDays(31));
        await Purge(TimeSpan.FromDays(30));

        Assert.Empty(await Names("runs/batch/"));
        Assert.NotEmpty(await Names("runs/"));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(36_501)]
    public void A_time_that_is_none_is_refused(int days) =>
        Assert.Contains("days in 1…36500, or 0", Assert.Throws<SanaException>(() => Retention.Days(days, "retention_days of sana.json")).Message, StringComparison.Ordinal);

    private async Task Everything()
    {
        await _host.Work((await GenerateSubmission.Start(_host.Client, _host.Blobs, _host.Renderer.Fingerprint, JobScenarios.Job(), null, default)).Instance.Id);
        await _host.Queue.Send(new JobMessage { JobId = "good", IdempotencyKey = "order 7", Input = new JobInput { Prompt = "a cat", Width = 64, Height = 32, Steps = 1 } });
        await _host.Queue.Send(new JobMessage { JobId = "bad" });
        while (await _host.Turn() is not null)
        {
        }

        foreach (var name in new[] { "work/link.key", "datasets/d/v1/manifest.json", "inputs/mine.json", "work/datasets/d/v1/items/00000.jsonl" })
            await _host.Blobs.PutIfAbsent(name, new byte[1], default);
        foreach (var prefix in new[] { "results/", "jobs/", "timings/", "deadletter/", "work/keys/", "work/attempts/", "work/prompts/" })
            Assert.NotEmpty(await Names(prefix));
    }

    private Task<RetentionCounts> Purge(TimeSpan? keep) => new Retention(_host.Blobs, _host.Queue, _host.Client, _host.Clock, keep).Purge(default);

    private async Task<string[]> Names(string prefix) => [.. await _host.Blobs.List(prefix, default).Select(blob => blob.Name).ToListAsync()];
}
