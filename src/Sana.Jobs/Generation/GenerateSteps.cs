using System.Text;
using System.Text.Json;
using Sana.Jobs.Durable;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Generation;

/// <summary>The steps of a generation run. Each may run twice: what it writes has names and bytes that follow from its input.</summary>
/// <param name="blobs">Where everything goes.</param>
/// <param name="queue">The queue to the worker.</param>
/// <param name="model">Knows the checkpoint's defaults and name; only the plan asks it.</param>
/// <param name="clock">Dates the messages.</param>
public sealed class GenerateSteps(IBlobs blobs, IJobQueue queue, Func<CancellationToken, Task<IModel>> model, TimeProvider clock)
{
    /// <summary>Adds the orchestration and its activities to those of a host.</summary>
    public TaskRegistry AddTo(TaskRegistry tasks) => tasks
        .AddOrchestrator<GenerateImages>()
        .Add(GenerateActivities.PlanImages, PlanImages)
        .Add(GenerateActivities.OpenBatches, OpenBatches)
        .Add(GenerateActivities.SendBatch, SendBatch)
        .Add(GenerateActivities.GiveUpBatch, GiveUpBatch)
        .Add(GenerateActivities.ReportChunk, ReportChunk)
        .Add(GenerateActivities.CloseRun, CloseRun);

    private async Task<PlanSummary> PlanImages(GenerateRequest request, CancellationToken cancellationToken)
    {
        var job = await GenerateSubmission.Read(blobs, request.Job, cancellationToken);
        var checkpoint = await model(cancellationToken);
        if (request.Model is { } fingerprint && fingerprint != checkpoint.Fingerprint)
            throw new UnusableJobException(GenerateSubmission.OtherModel(fingerprint, checkpoint));
        var identity = RunIdentity.Of(job, checkpoint);
        var names = new RunNames(identity.RunId);
        identity = await identity.Claim(blobs, names, cancellationToken);

        var (chunks, batches, images, rejected) = (0, 0L, 0L, 0L);
        foreach (var chunk in PlanChunk.Cut(new RenderPlan(job, checkpoint, identity.Config.BestOf).Items(), names.RunId, job, identity.Config))
        {
            await blobs.PutOrRepair(names.PlanChunk(chunks++), chunk.ToJson(), cancellationToken);
            var rendered = chunk.Items.Where(item => item.Batch is not null).ToList();
            batches += rendered.Count;
            images += rendered.Sum(item => chunk.BestOf?.Keep ?? item.Images!.Count);
            rejected += chunk.Items.Count - rendered.Count;
        }

        return chunks > 0
            ? new PlanSummary(names.RunId, chunks, batches, images, rejected) { ModelName = checkpoint.ModelName, Model = checkpoint.Fingerprint }
            : throw new UnusableJobException("There are no prompts: every line is blank.");
    }

    private async Task<IReadOnlyList<string>> OpenBatches(ChunkQuery query, CancellationToken cancellationToken)
    {
        var names = new RunNames(query.RunId);
        var chunk = await PlanChunk.Read(blobs, names.PlanChunk(query.Chunk), cancellationToken);
        var settled = new FinishedImages(blobs, names, chunk.Model?.Fingerprint);
        var open = new List<string>();
        foreach (var batch in chunk.Batches())
        {
            var missing = (await settled.Of(batch, query.Retry?.Reasons, cancellationToken)).Any(record => record is null);
            if (missing && await IsWanted(names, batch, query.Retry, settled, cancellationToken))
                open.Add(batch.Id);
        }

        return open;
    }

    /// <summary>A retry leaves alone what failed for reasons that it was not asked to cure.</summary>
    private async Task<bool> IsWanted(RunNames names, RenderBatch batch, RetryOrder? retry, FinishedImages settled, CancellationToken cancellationToken)
    {
        if (retry is null || await Failure(names, batch.Id, cancellationToken) is not { } failure || retry.Reasons.Contains(failure.Reason))
            return true;
        var images = await settled.Of(batch, redo: null, cancellationToken);
        return images.Any(image => retry.Reasons.Contains(image?.Reason ?? ""));
    }

    private Task<bool> SendBatch(BatchTicket ticket, CancellationToken cancellationToken) => queue.Send(
        new JobMessage
        {
            // A retry is a message of its own: one of the round before may still be in the queue, and answers to the round before.
            JobId = ticket.Retry is { } retry ? $"{ticket.RunId}-{ticket.Batch}-r{retry.Round}" : $"{ticket.RunId}-{ticket.Batch}",
            BatchId = ticket.RunId,
            Round = ticket.Retry?.Round ?? 0,
            CreatedAt = clock.GetUtcNow(),
            Model = ticket.Model,
            Limits = new JobLimits(TimeoutS: ticket.DeadlineSeconds),
            Input = new JobInput { PromptRef = new RunNames(ticket.RunId).PlanChunk(ticket.Chunk), Batch = ticket.Batch, Redo = ticket.Retry?.Reasons },
            Reply = new JobReply(ticket.ReplyTo, ticket.Event),
        },
        cancellationToken: cancellationToken);

    private async Task<bool> GiveUpBatch(BatchLost lost, CancellationToken cancellationToken)
    {
        await WriteFailure(blobs, new RunNames(lost.RunId), new BatchFailure(lost.Batch, lost.Reason, lost.Message), cancellationToken);
        return true;
    }

    private async Task<ItemCounts> ReportChunk(ChunkReport report, CancellationToken cancellationToken)
    {
        var names = new RunNames(report.RunId);
        var chunk = await PlanChunk.Read(blobs, names.PlanChunk(report.Chunk), cancellationToken);
        var settled = new FinishedImages(blobs, names, chunk.Model?.Fingerprint);
        var (lines, counts) = (new MemoryStream(), ItemCounts.None);
        foreach (var item in chunk.Plan())
        {
            foreach (var outcome in item is RenderBatch batch ? await Outcomes(names, settled, batch, cancellationToken) : [OutcomeRecord.Of((RejectedRow)item)])
            {
                JsonSerializer.Serialize(lines, outcome, RunJson.Readable.OutcomeRecord);
                lines.WriteByte((byte)'\n');
                counts = counts.Plus(outcome.Status switch
                {
                    OutcomeStatus.Succeeded => new ItemCounts(1, 0, 0),
                    OutcomeStatus.Failed => new ItemCounts(0, 1, 0),
                    OutcomeStatus.NotKept => ItemCounts.None,
                    _ => new ItemCounts(0, 0, 1),
                });
            }
        }

        await blobs.PutOrRepair(names.ChunkOutcomes(report.Chunk), lines.ToArray(), cancellationToken);
        return counts;
    }

    private async Task<IEnumerable<OutcomeRecord>> Outcomes(RunNames names, FinishedImages settled, RenderBatch batch, CancellationToken cancellationToken)
    {
        var records = await settled.Of(batch, redo: null, cancellationToken);
        var failure = records.All(record => record is not null) ? null : await Failure(names, batch.Id, cancellationToken);
        failure ??= new BatchFailure(batch.Id, FaultReason.TransientIo, "The image's record is missing.");
        return batch.Images.Select((image, i) => records[i] is { } record ? OutcomeRecord.Of(record) : OutcomeRecord.Lost(image, failure));
    }

    private async Task<GenerateSummary> CloseRun(CloseRun close, CancellationToken cancellationToken)
    {
        var names = new RunNames(close.RunId);
        var outcomes = new OutcomeLists(blobs, names);
        for (var chunk = 0; chunk < close.Chunks; chunk++)
        {
            var lines = Encoding.UTF8.GetString(await Existing(names.ChunkOutcomes(chunk), cancellationToken));
            foreach (var line in lines.Split('\n', StringSplitOptions.RemoveEmptyEntries))
                await outcomes.Add(JsonSerializer.Deserialize(line, RunJson.Readable.OutcomeRecord)!, cancellationToken);
        }

        await outcomes.Flush(cancellationToken);
        await RunIdentity.Read(close.RunId, await Existing(names.Config, cancellationToken)).WriteManifest(blobs, names, outcomes, cancellationToken);
        return new GenerateSummary(
            close.RunId,
            names.Manifest,
            outcomes.Count(OutcomeStatus.Succeeded),
            outcomes.Count(OutcomeStatus.Failed),
            outcomes.Count(OutcomeStatus.Rejected),
            outcomes.Reasons)
        { Lost = outcomes.Lost, Cut = outcomes.Cut, NotKept = outcomes.Count(OutcomeStatus.NotKept) };
    }

    internal static Task WriteFailure(IBlobs blobs, RunNames names, BatchFailure failure, CancellationToken cancellationToken) =>
        blobs.PutOrRepair(names.Failure(failure.Batch), JsonSerializer.SerializeToUtf8Bytes(failure, RunJson.Readable.BatchFailure), cancellationToken);

    private async Task<BatchFailure?> Failure(RunNames names, string batch, CancellationToken cancellationToken) =>
        await blobs.Read(names.Failure(batch), cancellationToken) is { } json ? JsonSerializer.Deserialize(json, RunJson.Readable.BatchFailure) : null;

    private async Task<byte[]> Existing(string name, CancellationToken cancellationToken) =>
        await blobs.Read(name, cancellationToken) ?? throw new SanaException($"{blobs.Place} has no {name}; start the run again.");
}
