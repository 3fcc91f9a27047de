using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Workflows;

/// <summary>What happens to a run, and the one answer that every engine must give.</summary>
/// <param name="Name">A sentence.</param>
/// <param name="Play">Acts upon a host and answers what was seen.</param>
/// <param name="Expected">The answer.</param>
/// <param name="PassesTime">It lets deadlines or the waits of retries pass at once.</param>
internal sealed record JobScenario(string Name, Func<JobHost, Task<string>> Play, string Expected, bool PassesTime = false);

/// <summary>The table of both workflows. It knows no engine: each takes it as it is.</summary>
internal static class JobScenarios
{
    public const string Prompts = "a cat\n\na broken dog\nan owl\n\u0001\na fox\na \"quoted\" ☃\n";

    public static readonly JobScenario[] All =
    [
        new("A run ends with the tree of a direct one", SameTree, "Completed, same tree"),
        new("A run in many chunks ends with the tree of a direct one", ManyChunks, "Completed, same tree"),
        new("A run that is started twice is one run", StartedTwice, "new True, again False, 0 more images"),
        new("Another checkpoint makes another run of the same prompts", OtherCheckpoint, "2 runs, then refused: is under way with another checkpoint"),
        new("A batch that memory cannot hold is made in halves", HalvedBatch, "Completed 4/0/0, batches 4 2 1 1 1 1"),
        new("A batch that kills every worker is given up", Deadly, "Completed 2/2/0 engine_dead 2"),
        new("A retry makes what failed for its reasons", Retried, "Completed 2/2/0, retried nan: 2/2/0, retried engine_dead: 4/0/0, same tree"),
        new("Silence is answered by another message and at last by giving up", Silence, "Completed 0/1/0 timeout 1, 2 sends", PassesTime: true),
        new("Batches that wait behind others longer than their deadline are not lost", Waiting, "Completed 12/0/0", PassesTime: true),
        new("A retry does not wait for a message of the round before", StaleMessage, "Completed 1/1/0 nan 1, retried: 2/0/0, 2 messages"),
        new("An attempt at a batch may take as long as the run waits for it", LongBatch, "limit 7200 s"),
        new("A canceled run's messages are dropped", Canceled, "Canceled, dropped canceled"),
        new("A run without prompts fails", Empty, "Failed There are no prompts: every line is blank.", PassesTime: true),
        .. CurationScenarios.All,
        .. CurationScenarios.Judging,
        .. CurationScenarios.Scoring,
    ];

    public static GenerateJob Job(string prompts = Prompts, int batch = 2) => new()
    {
        Prompts = new PromptFile(() => new MemoryStream(System.Text.Encoding.UTF8.GetBytes(prompts)), ".txt"),
        Options = new GenerateOptions { Width = 64, Height = 32, Steps = 2 },
        BatchSize = batch,
        Images = 2,
    };

    private static async Task<string> SameTree(JobHost host)
    {
        await GenerateSubmission.Start(host.Client, host.Blobs, host.Renderer.Fingerprint, Job(), null, default);
        var end = await host.Work(await Id(host));
        return $"{end.Status}, {await Compare(host, Job())}";
    }

    private static async Task<string> ManyChunks(JobHost host)
    {
        var job = Job(string.Join('\n', Enumerable.Range(0, 135).Select(i => $"prompt {i}")), batch: 1) with { Images = 1, Format = ImageFormat.Webp };
        await GenerateSubmission.Start(host.Client, host.Blobs, host.Renderer.Fingerprint, job, new Pace(InFlight: 40), default);
        var end = await host.Work(await Id(host));
        return $"{end.Status}, {await Compare(host, job)}";
    }

    private static async Task<string> StartedTwice(JobHost host)
    {
        var first = await GenerateSubmission.Start(host.Client, host.Blobs, host.Renderer.Fingerprint, Job(), null, default);
        var end = await host.Work(first.Instance.Id);
        var batches = ((FakeRenderer)host.Renderer).Batches.Count;
        var again = await GenerateSubmission.Start(host.Client, host.Blobs, host.Renderer.Fingerprint, Job(), null, default);
        Assert.True(end.IsFinished && batches > 0);
        return $"new {first.IsNew}, again {again.IsNew}, {((FakeRenderer)host.Renderer).Batches.Count - batches} more images";
    }

    private static async Task<string> OtherCheckpoint(JobHost host)
    {
        var job = Job("one", batch: 1) with { Images = 1 };
        await host.Work((await GenerateSubmission.Start(host.Client, host.Blobs, host.Renderer.Fingerprint, job, null, default)).Instance.Id);
        await GenerateSubmission.Start(host.Client, host.Blobs, "another", job, null, default);
        var runs = (await host.Client.List("generate-")).Count;
        await GenerateSubmission.Start(host.Client, host.Blobs, host.Renderer.Fingerprint, job with { Run = "mine" }, null, default);
        var refused = await Assert.ThrowsAsync<SanaException>(() => GenerateSubmission.Start(host.Client, host.Blobs, "another", job with { Run = "mine" }, null, default));
        return $"{runs} runs, then refused: {refused.Message[refused.Message.IndexOf("is under", StringComparison.Ordinal)..refused.Message.IndexOf(',', StringComparison.Ordinal)]}";
    }

    private static async Task<string> HalvedBatch(JobHost host)
    {
        var small = new FaultyRenderer { MemoryFor = 1 };
        host.Renderer = small;
        var job = Job("one\ntwo\nthree\nfour", batch: 4) with { Images = 1 };
        await GenerateSubmission.Start(host.Client, host.Blobs, host.Renderer.Fingerprint, job, null, default);
        return $"{Tell(await host.Work(await Id(host)))}, batches {string.Join(' ', small.Sizes)}";
    }

    private static async Task<string> Deadly(JobHost host)
    {
        host.Renderer = new FaultyRenderer { Deadly = "two" };
        await GenerateSubmission.Start(host.Client, host.Blobs, host.Renderer.Fingerprint, Job("one\ntwo", batch: 2), null, default);
        return Tell(await host.Work(await Id(host)));
    }

    private static async Task<string> Retried(JobHost host)
    {
        host.Renderer = new FaultyRenderer { Deadly = "two" };
        var job = Job("one\ntwo", batch: 2);
        await GenerateSubmission.Start(host.Client, host.Blobs, host.Renderer.Fingerprint, job, null, default);
        var id = await Id(host);
        var first = Tell(await host.Work(id), reasons: false);
        host.Renderer = new FakeRenderer();
        host.Source.Reset();
        Assert.True(await GenerateSubmission.Retry(host.Client, id, ["nan"]));
        var second = Tell(await host.Work(id), reasons: false);
        Assert.True(await GenerateSubmission.Retry(host.Client, id, ["engine_dead"]));
        var third = Tell(await host.Work(id), reasons: false);
        return $"{first}, retried nan: {second["Completed ".Length..]}, retried engine_dead: {third["Completed ".Length..]}, {await Compare(host, job)}";
    }

    private static async Task<string> Silence(JobHost host)
    {
        await GenerateSubmission.Start(host.Client, host.Blobs, host.Renderer.Fingerprint, Job("one", batch: 1) with { Images = 1 }, new Pace(DeadlineSeconds: 60, MaxSends: 2), default);
        var end = host.Client.Wait(await Id(host));
        var lost = 0;
        while (!end.IsCompleted)
        {
            // Taken and lost: the worker's machine burns down with the message.
            if (await host.Queue.Receive(TimeSpan.FromHours(1)) is { } message && await host.Queue.Complete(message))
                lost++;
            host.Clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        return $"{Tell(await end)}, {lost} sends";
    }

    private static async Task<string> Waiting(JobHost host)
    {
        var job = Job(string.Join('\n', Enumerable.Range(0, 12).Select(i => $"prompt {i}")), batch: 1) with { Images = 1 };
        await GenerateSubmission.Start(host.Client, host.Blobs, host.Renderer.Fingerprint, job, new Pace(InFlight: 12, DeadlineSeconds: 60, MaxSends: 1), default);
        while ((await host.Queue.Count()).Waiting < 12)
            await Task.Delay(1);
        var end = host.Client.Wait(await Id(host));
        while (!end.IsCompleted)
        {
            // Each batch takes less than its deadline, all together take ten times as long.
            if (await host.Turn() is not null)
                host.Clock.Advance(TimeSpan.FromSeconds(50));
            await Task.Delay(20);
        }

        return Tell(await end);
    }

    private static async Task<string> StaleMessage(JobHost host)
    {
        await GenerateSubmission.Start(host.Client, host.Blobs, host.Renderer.Fingerprint, Job("one\nbroken", batch: 1) with { Images = 1 }, new Pace(MaxSends: 1), default);
        var id = await Id(host);
        JobMessage? stale = null;
        while (stale is null)
            stale = (await host.Queue.Peek(32)).Select(message => JobMessage.Parse(message.Body)).FirstOrDefault(message => message.Input.Batch == "b000000001");
        var first = Tell(await host.Work(id));
        await host.Queue.Send(stale);
        host.Renderer = new FakeRenderer { Mends = true };
        host.Source.Reset();
        Assert.True(await GenerateSubmission.Retry(host.Client, id, ["nan"]));
        while ((await host.Queue.Count()).Waiting < 2)
            await Task.Delay(1);
        return $"{first}, retried: {Tell(await host.Work(id))["Completed ".Length..]}, 2 messages";
    }

    private static async Task<string> LongBatch(JobHost host)
    {
        await GenerateSubmission.Start(host.Client, host.Blobs, host.Renderer.Fingerprint, Job("one", batch: 1), new Pace(DeadlineSeconds: 7200), default);
        QueuedJob? sent;
        while ((sent = await host.Queue.Peek(1) is [var first, ..] ? first : null) is null)
            await Task.Yield();
        return $"limit {JobMessage.Parse(sent.Body).Limits.TimeoutS} s";
    }

    private static async Task<string> Canceled(JobHost host)
    {
        await GenerateSubmission.Start(host.Client, host.Blobs, host.Renderer.Fingerprint, Job("one", batch: 1) with { Images = 1 }, null, default);
        var id = await Id(host);
        while ((await host.Queue.Count()).Waiting == 0)
            await Task.Yield();
        await host.Client.Cancel(id, "enough");
        var end = await host.Client.Wait(id);
        return $"{end.Status}, dropped {(await host.Turn())!.Reason}";
    }

    private static async Task<string> Empty(JobHost host)
    {
        await GenerateSubmission.Start(host.Client, host.Blobs, host.Renderer.Fingerprint, Job("\n\n"), null, default);
        var end = await host.Work(await Id(host));
        return $"{end.Status} {end.Error}";
    }

    private static async Task<string> Id(JobHost host) => (await host.Client.List("")).Single().Id;

    private static string Tell(Sana.Jobs.Durable.WorkflowInstance end, bool reasons = true)
    {
        if (end.Output is null)
            return $"{end.Status} {end.Error}";
        var summary = end.ReadOutput<GenerateSummary>();
        var told = reasons ? string.Concat(summary.Reasons.Select(reason => $" {reason.Key} {reason.Value}")) : "";
        return $"{end.Status} {summary.Succeeded}/{summary.Failed}/{summary.Rejected}{told}";
    }

    /// <summary>The run's tree against that of the same job on a host in memory.</summary>
    private static async Task<string> Compare(JobHost host, GenerateJob job)
    {
        var direct = FileBlobs.Open(host.File("direct"));
        await MemoryHost.Run(direct, new FakeRenderer(), job);
        var (expected, actual) = (await Tree.Of(direct, "runs/"), await Tree.Of(host.Blobs, "runs/"));
        Assert.Equal(expected, actual);
        return "same tree";
    }
}
