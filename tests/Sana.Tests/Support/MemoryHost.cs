using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Networks;
using Sana.Jobs.Worker;
using Sana.Local.Hosting;
using Sana.Storage.Blobs;

namespace Sana.Tests.Support;

/// <summary>A host that keeps journal and queue in memory, as <c>sana generate</c> opens it.</summary>
internal static class MemoryHost
{
    public static Task<LocalHost> Open(IBlobs outputs, IRenderer renderer) => LocalHost.Open(
        new LocalOptions
        {
            Data = null,
            Checkpoint = "fake",
            Worker = new RenderWorkerOptions { WarmsUp = false, Poll = TimeSpan.FromMilliseconds(2), Grace = TimeSpan.Zero },
        },
        _ => Task.FromResult(renderer),
        outputs);

    /// <summary>Runs a job to its end.</summary>
    /// <exception cref="SanaException">It did not complete.</exception>
    public static async Task<RunSummary> Run(IBlobs outputs, IRenderer renderer, GenerateJob job, StartFiles? start = null)
    {
        await using var host = await Open(outputs, renderer);
        if (start is not null)
            await start.Write(host.Blobs, CancellationToken.None);
        var started = await GenerateSubmission.Start(host.Client, host.Blobs, renderer.Fingerprint, job, pace: null, CancellationToken.None);
        var end = host.Client.Wait(started.Instance.Id);
        if (await Task.WhenAny(end, host.Stopped) == host.Stopped)
            await host.Stopped;
        var ended = await end;
        if (ended.Status != WorkflowStatus.Completed)
            throw new SanaException(ended.Error!);
        var run = ended.ReadOutput<GenerateSummary>();
        var made = host.Jobs.Recent.Settled(run.RunId);
        return new RunSummary(run.RunId, run.Manifest, made, run.Succeeded + run.Failed - run.Lost - made, run.Failed, run.Rejected, run.Reasons);
    }
}

/// <summary>What a run came to, and how much of it was there before.</summary>
internal sealed record RunSummary(string RunId, string Manifest, long Made, long Skipped, long Failed, long Rejected, IReadOnlyDictionary<string, long> Reasons);
