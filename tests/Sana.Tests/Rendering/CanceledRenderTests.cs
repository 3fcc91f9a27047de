using Sana.Inference.Diffusion;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Jobs.Requests;
using Sana.Jobs.Worker;
using Sana.Local.Hosting;
using Sana.Tests.Support;
using Sana.Tests.Workflows;
using Xunit;

namespace Sana.Tests.Rendering;

/// <summary>A render whose job or run was canceled ends within a step, and a dead letter that is put back is waited for again.</summary>
public sealed class CanceledRenderTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly StepRenderer _renderer = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_canceled_job_is_not_painted_to_its_end()
    {
        await using var host = await Open(TimeSpan.FromHours(1));
        await Ask(host, "a");
        await _renderer.Begun.WaitAsync(TestContext.Current.CancellationToken);

        Assert.True(await host.Client.Cancel("job-a", "enough"));
        await Empty(host);

        Assert.InRange(_renderer.Steps, 1, 99);
        Assert.Equal(JobStatus.Canceled, (await new JobResults(host.Blobs).Read("a", default))!.Status);
        Assert.Equal("", await Tree.Of(host.Blobs, "jobs/"));
        Assert.Equal(0, (await host.Queue.Count()).Dead);
    }

    [Fact]
    public async Task A_canceled_run_is_not_painted_to_its_end()
    {
        await using var host = await Open(TimeSpan.FromHours(1));
        var id = (await GenerateSubmission.Start(host.Client, host.Blobs, _renderer.Fingerprint, JobScenarios.Job("one", batch: 2), null, default)).Instance.Id;
        await _renderer.Begun.WaitAsync(TestContext.Current.CancellationToken);

        Assert.True(await host.Client.Cancel(id, "enough"));
        await Empty(host);

        Assert.InRange(_renderer.Steps, 1, 99);
        Assert.DoesNotContain(".png", await Tree.Of(host.Blobs, "runs/"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancel_that_another_process_sends_is_heard_by_asking()
    {
        await using var host = await Open(TimeSpan.FromMilliseconds(20));
        await Ask(host, "a");
        await _renderer.Begun.WaitAsync(TestContext.Current.CancellationToken);

        // As a client of another process does it: nobody in this one is told.
        Assert.True(await host.Client.RaiseEvent("job-a", WorkflowClient.CancelEvent, "enough"));
        await Empty(host);

        Assert.InRange(_renderer.Steps, 1, 99);
        Assert.Equal(JobStatus.Canceled, (await new JobResults(host.Blobs).Read("a", default))!.Status);
    }

    [Fact]
    public async Task A_dead_letter_that_is_put_back_revives_its_job()
    {
        _renderer.Fault = new Inference.InferenceException("not today");
        await using var host = await Open(TimeSpan.FromHours(1));
        await Ask(host, "a");
        Assert.Equal(JobStatus.Failed, (await host.Client.Wait("job-a", TestContext.Current.CancellationToken)).ReadOutput<JobEnd>().Status);
        await Empty(host);

        _renderer.Fault = null;
        _renderer.Quick = true;
        Assert.Equal(1, await host.Queue.Requeue(null));
        await Empty(host);
        var revived = await host.Client.Wait("job-a", TestContext.Current.CancellationToken);

        Assert.Equal(JobStatus.Succeeded, revived.ReadOutput<JobEnd>().Status);
        var result = (await new JobResults(host.Blobs).Read("a", default))!;
        Assert.Equal((JobStatus.Succeeded, 1), (result.Status, result.Round));
        Assert.True(await host.Blobs.Exists(Assert.Single(result.Images).Blob!, default));
        // Who asks for the same again finds it.
        Assert.Equal("hash", WorkflowJson.Read<JobTicket>(revived.Input).Sha256);
    }

    [Fact]
    public async Task A_dead_letter_of_a_run_that_is_put_back_is_made_and_reported()
    {
        _renderer.Fault = new Inference.InferenceException("not today");
        await using var host = await Open(TimeSpan.FromHours(1));
        var id = (await GenerateSubmission.Start(host.Client, host.Blobs, _renderer.Fingerprint, JobScenarios.Job("one", batch: 2), null, default)).Instance.Id;
        Assert.Equal(2, (await host.Client.Wait(id, TestContext.Current.CancellationToken)).ReadOutput<GenerateSummary>().Failed);
        await Empty(host);

        _renderer.Fault = null;
        _renderer.Quick = true;
        Assert.Equal(1, await host.Queue.Requeue(null));
        await Empty(host);
        var again = (await host.Client.Wait(id, TestContext.Current.CancellationToken)).ReadOutput<GenerateSummary>();

        Assert.Equal((2, 0), (again.Succeeded, again.Failed));
    }

    private Task<LocalHost> Open(TimeSpan askEvery) => LocalHost.Open(
        new LocalOptions
        {
            Data = _folder.File("data"),
            Checkpoint = "fake",
            Worker = new RenderWorkerOptions { WarmsUp = false, Poll = TimeSpan.FromMilliseconds(2), Grace = TimeSpan.Zero, AskEvery = askEvery },
        },
        _ => Task.FromResult<IRenderer>(_renderer));

    private static async Task Ask(LocalHost host, string id)
    {
        var message = new JobMessage { JobId = id, Input = new JobInput { Prompt = "a cat", Seeds = [7], Width = 64, Height = 32 } };
        await host.Blobs.PutIfAbsent($"work/jobs/{id}.json", System.Text.Encoding.UTF8.GetBytes(message.ToJson()), default);
        await host.Client.Start(RunJob.Workflow, new JobTicket(id, $"work/jobs/{id}.json", "hash", 1, 3600), $"job-{id}");
    }

    /// <summary>Until the worker has done with every message.</summary>
    private static async Task Empty(LocalHost host)
    {
        for (var begin = TimeProvider.System.GetTimestamp(); ; await Task.Delay(5))
        {
            if (await host.Queue.Count() is { Waiting: 0, Held: 0 })
                return;
            Assert.True(TimeProvider.System.GetElapsedTime(begin) < TimeSpan.FromSeconds(30), "The queue is not empty.");
        }
    }

    /// <summary>A renderer of a hundred steps, each of which waits for the token; it never ends by itself unless it is quick.</summary>
    private sealed class StepRenderer : IRenderer
    {
        private readonly FakeRenderer _inner = new();
        private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _steps;

        public Task Begun => _begun.Task;

        public int Steps => Volatile.Read(ref _steps);

        public Exception? Fault { get; set; }

        public bool Quick { get; set; }

        public string Fingerprint => _inner.Fingerprint;

        public string ModelName => _inner.ModelName;

        public GenerateOptions Resolve(GenerateOptions options) => _inner.Resolve(options);

        public IReadOnlyList<GeneratedImage> Generate(IReadOnlyList<ImageRequest> batch, GenerateOptions resolved, IProgress<GenerateProgress>? progress, CancellationToken cancellationToken)
        {
            if (Fault is not null)
                throw Fault;
            for (var step = 1; step <= 100 && !Quick; step++)
            {
                Interlocked.Increment(ref _steps);
                progress?.Report(new GenerateProgress("denoise", step, 100));
                _begun.TrySetResult();
                cancellationToken.WaitHandle.WaitOne(TimeSpan.FromSeconds(1));
                cancellationToken.ThrowIfCancellationRequested();
            }

            return _inner.Generate(batch, resolved, progress, cancellationToken);
        }
    }
}
