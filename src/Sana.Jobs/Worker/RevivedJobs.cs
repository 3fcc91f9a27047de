using System.Text.Json;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;
using Sana.Jobs.Requests;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Worker;

/// <summary>
/// Dead letters that were put back by hand: who waited for them has ended, with their failure. A job's instance waits again, under the same id; a run is tried
/// again for the reason that the batch had failed for.
/// </summary>
internal sealed class RevivedJobs(IBlobs blobs, WorkflowClient client)
{
    /// <summary>Whether the message is to be rendered: somebody waits for it, again or without end. False when it is done or no longer wanted.</summary>
    /// <param name="job">The message.</param>
    /// <param name="waits">The instance that it answers to, as it stands; null when it was forgotten.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    public async Task<bool> Revive(JobMessage job, WorkflowInstance? waits, CancellationToken cancellationToken)
    {
        if (waits is { IsFinished: false })
            return true;
        if (job.Round == 0 || waits is { Status: WorkflowStatus.Canceled })
            return false;
        // The instance was forgotten: the images are made all the same, and whoever starts the same again finds them.
        if (waits is null)
            return true;
        if (waits.Workflow == RunJob.Workflow.Name)
            return await ReviveJob(job, waits, cancellationToken);
        if (waits.Workflow == GenerateImages.Workflow.Name)
            await RetryRun(job, waits, cancellationToken);
        return false;
    }

    private async Task<bool> ReviveJob(JobMessage job, WorkflowInstance ended, CancellationToken cancellationToken)
    {
        var ticket = WorkflowJson.Read<JobTicket>(ended.Input);
        // It was made in this round before, and the message only comes twice.
        if (ticket.Round >= job.Round || await new JobResults(blobs).Read(job.JobId, cancellationToken) is { } result && result.Round >= job.Round)
            return false;
        await client.Start(RunJob.Workflow, ticket with { Round = job.Round }, ended.Id, restartFinished: true);
        return true;
    }

    /// <summary>The retry sends messages of its own for all batches that failed so, this one among them.</summary>
    private async Task RetryRun(JobMessage job, WorkflowInstance ended, CancellationToken cancellationToken)
    {
        // A message of this round or an earlier one only came late.
        if ((WorkflowJson.Read<GenerateRequest>(ended.Input).Retry?.Round ?? 0) >= job.Round)
            return;
        if (job.Input is not { Batch: { } batch, PromptRef: { } plan } || plan.Split('/') is not ["work", var run, ..])
            return;
        if (await blobs.Read(new RunNames(run).Failure(batch), cancellationToken) is not { } json)
            return;
        var failure = JsonSerializer.Deserialize(json, RunJson.Readable.BatchFailure)!;
        await GenerateSubmission.Retry(client, ended.Id, [failure.Reason]);
    }
}
