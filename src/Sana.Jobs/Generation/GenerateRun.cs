using Sana.Inference.Diffusion;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Generation;

/// <summary>A job from prompts to manifest, on one machine. It may be stopped or killed anywhere and run again: it goes on where it stood and ends with the same bytes.</summary>
public sealed class GenerateRun
{
    private readonly GenerateJob _job;
    private readonly IRenderer _renderer;
    private readonly RunIdentity _identity;
    private readonly RenderPlan _plan;

    private GenerateRun(GenerateJob job, IRenderer renderer, RunIdentity identity)
    {
        _job = job;
        _renderer = renderer;
        _identity = identity;
        _plan = new RenderPlan(job, renderer);
        Total = _plan.Count();
    }

    /// <summary>The run's id: the given name, or the start of the SHA-256 of everything that decides it.</summary>
    public string RunId => _identity.RunId;

    /// <summary>Images that the run will have.</summary>
    public long Total { get; }

    /// <summary>Checks the job and reads its prompts once; nothing is written.</summary>
    /// <exception cref="SanaException">The prompts cannot be read or hold nothing, or the run's name is not allowed.</exception>
    /// <exception cref="Inference.InferenceException">The job's options do not fit the checkpoint.</exception>
    public static GenerateRun Prepare(GenerateJob job, IRenderer renderer)
    {
        var run = new GenerateRun(job, renderer, RunIdentity.Of(job, renderer));
        return run.Total > 0 || job.Prompts.Rows().Any() ? run : throw new SanaException("There are no prompts: every line is blank.");
    }

    /// <summary>Renders what is missing and writes the manifest last.</summary>
    /// <exception cref="SanaException">The blobs cannot be written, or hold another run of this name.</exception>
    /// <exception cref="OperationCanceledException">Stopped between two steps; the same call goes on from there.</exception>
    public async Task<RunSummary> Execute(IBlobs blobs, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        var names = new RunNames(RunId);
        await _identity.Claim(blobs, names, cancellationToken);

        var step = new RenderStep(_renderer, blobs, names, new ImageOutput(_job.Format, _job.Quality, _job.Device));
        var outcomes = new OutcomeLists(blobs, names);
        var (done, skipped) = (0L, 0L);
        foreach (var item in _plan.Items())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (item is RejectedRow rejected)
            {
                await outcomes.Add(rejected, cancellationToken);
                continue;
            }

            var batch = (RenderBatch)item;
            var (records, found) = await step.Run(batch, Steps(progress, done, batch.Images.Count), cancellationToken);
            foreach (var record in records)
            {
                await outcomes.Add(record, cancellationToken);
            }

            done += records.Count;
            skipped += found;
            progress?.Report(new RunProgress(done, Total, 0, default));
        }

        await outcomes.Flush(cancellationToken);
        await _identity.WriteManifest(blobs, names, outcomes, cancellationToken);
        var (failed, dropped) = (outcomes.Count(OutcomeStatus.Failed), outcomes.Count(OutcomeStatus.Rejected));
        return new RunSummary(RunId, names.Manifest, done - skipped, skipped, failed, dropped, outcomes.Reasons);
    }

    private Forward? Steps(IProgress<RunProgress>? progress, long done, int images) =>
        progress is null ? null : new Forward(step => progress.Report(new RunProgress(done, Total, images, step)));

    // Progress<T> would hand each step to the thread pool, out of order.
    private sealed class Forward(Action<GenerateProgress> report) : IProgress<GenerateProgress>
    {
        public void Report(GenerateProgress value) => report(value);
    }
}
