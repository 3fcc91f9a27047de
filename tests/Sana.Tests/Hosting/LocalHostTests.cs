using System.Diagnostics;
using DurableTask.Core;
using DurableTask.Sqlite;
using Microsoft.Data.Sqlite;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Jobs.Worker;
using Sana.Local.Hosting;
using Sana.Local.Queue;
using Sana.Storage.Blobs;
using Sana.Tests.Queue;
using Sana.Tests.Support;
using Sana.Tests.Workflows;
using Xunit;

namespace Sana.Tests.Hosting;

/// <summary>One data folder with all that runs on it.</summary>
[Collection("azurite")]
public sealed class LocalHostTests(AzuriteFixture azurite) : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FaultyRenderer _renderer = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Trait("Category", "Parity")]
    public async Task A_message_of_another_program_becomes_an_image()
    {
        var name = $"host-{Guid.NewGuid():N}";
        await using var host = await LocalHost.Open(new LocalOptions
        {
            Data = _folder.File("data"),
            Checkpoint = Copy(Path.Combine(Fixtures.Sana, "checkpoints", "sana")),
            Queue = $"{azurite.Connection};Queue={name}",
            Blobs = $"{azurite.Connection};Container={name}",
        });
        const string Body = """
            {"schema":"sana.job/1","job_id":"01JNODE","batch_id":"01JBATCH","index":17,"model":{"id":"checkpoint","precision":{"dit":"fp16"}},
             "input":{"prompt":"a red apple","prompt_ref":null,"negative_prompt":"","width":64,"height":64,"steps":2,"guidance_scale":4.5,"seeds":[42],"scheduler":"flow-dpm++2m","chi":true},
             "output":{"container":"images","prefix":"runs/from-node/","format":"png","quality":95,"embed_metadata":true,"evaluate":["clip"]},"limits":{"max_attempts":5,"timeout_s":300}}
            """;

        using var node = Process.Start("node", [NodePackages.File("..", "send-job.mjs"), azurite.Connection, name, Body]);
        await node.WaitForExitAsync();
        var result = await Eventually(() => new JobResults(host.Blobs).Read("01JNODE", default));

        Assert.Equal((JobStatus.Succeeded, "01JBATCH", "cpu"), (result.Status, result.BatchId, result.Device));
        var image = Assert.Single(result.Images);
        Assert.Equal("runs/from-node/images/01jbatch/01jnode/0000-42.png", image.Blob);
        Assert.Equal(image.Sha256, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData((await host.Blobs.Read(image.Blob!, default))!)));
        await Eventually(async () => (await host.Queue.Count()).Waiting == 0 ? new object() : null);
    }

    [Fact]
    public async Task A_host_that_closes_returns_what_it_renders_and_the_next_one_ends_it()
    {
        await using (var host = await Open())
        {
            await Eventually(() => Task.FromResult(host.Worker.State == WorkerState.Warm ? host : null));
            _renderer.Hangs = true;
            await host.Queue.Send(new JobMessage { JobId = "a", Input = new JobInput { Prompt = "a cat" } });
            await Eventually(() => Task.FromResult(_renderer.Sizes.Count == 2 ? host : null));
        }

        _renderer.Hangs = false;
        using (var queue = SqliteJobQueue.Open(_folder.File("data/queue.db"), TimeProvider.System))
            Assert.Equal(new QueueCounts(1, 0, 0), await queue.Count());
        await using var next = await Open();
        var result = await Eventually(() => new JobResults(next.Blobs).Read("a", default));

        Assert.Equal((JobStatus.Succeeded, 1), (result.Status, result.Attempts));
    }

    [Fact]
    public async Task Another_process_may_steer_what_this_one_runs()
    {
        await using var host = await Open();
        await Eventually(() => Task.FromResult(host.Worker.State == WorkerState.Warm ? host : null));
        _renderer.Hangs = true;
        var id = (await GenerateSubmission.Start(host.Client, host.Blobs, _renderer.Fingerprint, JobScenarios.Job(), null, default)).Instance.Id;

        Assert.True(await ControlInbox.Send(_folder.File("data"), null, new ControlRequest("suspend", id, []), default));
        Assert.Equal(WorkflowStatus.Suspended, (await host.Client.Get(id))!.Status);
        Assert.True(await ControlInbox.Send(_folder.File("data"), null, new ControlRequest("cancel", id, ["enough"]), default));
        Assert.False(await ControlInbox.Send(_folder.File("data"), null, new ControlRequest("cancel", "nobody", []), default));

        var end = await host.Client.Wait(id);
        Assert.Equal((WorkflowStatus.Canceled, "enough"), (end.Status, end.Error));
    }

    [Fact]
    public async Task A_bad_control_request_does_not_stop_the_others()
    {
        await using var host = await Open();
        using var connection = new SqliteConnection($"Data Source={_folder.File("data/queue.db")};Pooling=False");
        connection.Open();
        await Eventually(() => Task.FromResult(Query("SELECT count(*) FROM sqlite_master WHERE name='control'") is "1" ? host : null));
        Query("INSERT INTO control(verb, id, reasons) VALUES('cancel', 'x', 'null'), ('retry', 'x', 'not json'), ('dance', 'x', '[]'), ('retry', '', '[\"nan\"]')");

        Assert.False(await ControlInbox.Send(_folder.File("data"), null, new ControlRequest("cancel", "nobody", []), default));

        Assert.Equal("4", Query("SELECT count(*) FROM control WHERE done=0"));
        Assert.Contains("is none of cancel", Query("SELECT error FROM control WHERE verb='dance'"), StringComparison.Ordinal);

        string? Query(string sql)
        {
            using var command = connection.CreateCommand();
            command.CommandText = sql;
            return Convert.ToString(command.ExecuteScalar(), System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    [Fact]
    public async Task Without_an_owner_a_request_runs_no_activity()
    {
        var options = new LocalOptions { Data = _folder.File("data") };
        var (asked, other) = ("", "");
        var blobs = FileBlobs.Open(_folder.File("data/blobs"));
        await using (var engine = await DurableHost.Open(options))
        {
            asked = (await GenerateSubmission.Start(engine.Client, blobs, "fake", JobScenarios.Job("asked"), null, default)).Instance.Id;
            other = (await GenerateSubmission.Start(engine.Client, blobs, "fake", JobScenarios.Job("other"), null, default)).Instance.Id;
        }

        Assert.True(await ControlInbox.Send(_folder.File("data"), null, new ControlRequest("suspend", other, []), default));
        Assert.True(await ControlInbox.Send(_folder.File("data"), null, new ControlRequest("resume", other, []), default));
        Assert.True(await ControlInbox.Send(_folder.File("data"), null, new ControlRequest("cancel", asked, ["enough"]), default));

        using var journal = new JournalReader(_folder.File("data/journal.db"));
        Assert.Equal(OrchestrationStatus.Terminated, (await journal.GetOrchestrationStateAsync(asked, ""))!.OrchestrationStatus);
        Assert.Equal(OrchestrationStatus.Running, (await journal.GetOrchestrationStateAsync(other, ""))!.OrchestrationStatus);
        var history = await journal.GetOrchestrationHistoryAsync(other, "");
        Assert.Contains("PlanImages", history, StringComparison.Ordinal);
        Assert.DoesNotContain("TaskEventId", history.Replace("\"TaskEventId\":-1", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("queue")]
    [InlineData("journal")]
    [InlineData("out")]
    public void A_place_with_a_key_must_be_given_again(string option)
    {
        const string secret = "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=c2VjcmV0;QueueName=q";
        var options = new LocalOptions { Data = _folder.Path };
        HostFile.Complete(
            option switch { "queue" => options with { Queue = secret }, "journal" => options with { Journal = secret }, _ => options with { Blobs = secret } },
            hasDevice: false, hasPrecision: false, hasQueue: option == "queue", hasJournal: option == "journal");

        var refused = Assert.Throws<SanaException>(() => HostFile.Complete(options, hasDevice: false, hasPrecision: false, hasQueue: false, hasJournal: false));

        Assert.Contains($"give --{option} again", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("c2VjcmV0", File.ReadAllText(_folder.File("host.json")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_host_is_told_who_owns_the_folder()
    {
        await using var host = await Open();

        var refusal = await Assert.ThrowsAsync<JournalException>(Open);

        Assert.Contains("stop that process or use another data folder", refusal.Message, StringComparison.Ordinal);
    }

    private Task<LocalHost> Open() => LocalHost.Open(
        new LocalOptions { Data = _folder.File("data"), Checkpoint = "fake", Worker = new RenderWorkerOptions { Grace = TimeSpan.Zero } },
        _ => Task.FromResult<IRenderer>(_renderer));

    private string Copy(string checkpoint)
    {
        foreach (var file in Directory.EnumerateFiles(checkpoint, "*", SearchOption.AllDirectories))
        {
            var copy = _folder.File(Path.Combine("checkpoint", Path.GetRelativePath(checkpoint, file)));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        return _folder.File("checkpoint");
    }

    private static async Task<T> Eventually<T>(Func<Task<T?>> look)
        where T : class
    {
        for (var begin = TimeProvider.System.GetTimestamp(); ; await Task.Delay(20))
        {
            if (await look() is { } found)
                return found;
            Assert.True(TimeProvider.System.GetElapsedTime(begin) < TimeSpan.FromSeconds(60), "It did not happen in time.");
        }
    }
}
