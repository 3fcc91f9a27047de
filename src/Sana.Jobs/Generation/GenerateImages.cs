using Microsoft.DurableTask;
using Sana.Jobs.Durable;
using Sana.Jobs.Queue;
using Sana.Storage;

namespace Sana.Jobs.Generation;

/// <summary>
/// Prompts to images: plan, then chunk by chunk the batches that are still to be made, a window of them in flight, each one message to a worker and one event back;
/// then outcome lists and manifest. An execution is one chunk, so its history stays short at any number of prompts.
/// </summary>
public sealed class GenerateImages : TaskOrchestrator<GenerateRequest, GenerateSummary>
{
    /// <summary>Its name, with what it takes and gives.</summary>
    public static readonly Orchestration<GenerateRequest, GenerateSummary> Workflow = new(nameof(GenerateImages));

    /// <summary>Of activities that touch blobs or the queue.</summary>
    private static readonly TaskOptions Retry = Tasks.Retry(6, except: ["Sana.Inference.InferenceException", UnusableJobException.Name]);

    /// <inheritdoc/>
    public override async Task<GenerateSummary> RunAsync(TaskOrchestrationContext context, GenerateRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var started = request.Cursor?.Started ?? context.CurrentUtcDateTime;
        var at = request.Cursor ?? new GenerateCursor(await context.Call(GenerateActivities.PlanImages, request, Retry), 0, ItemCounts.None, started);
        var (plan, done) = (at.Plan, at.Done);
        var isLast = at.Chunk == plan.Chunks;
        context.SetCustomStatus(new RunStatus(plan.RunId, isLast ? "report" : "render", done.Succeeded + done.Failed, plan.Images, done.Failed, started));
        if (isLast)
            return await context.Call(GenerateActivities.CloseRun, new CloseRun(plan.RunId, plan.Chunks), Retry);

        var open = await context.Call(GenerateActivities.OpenBatches, new ChunkQuery(plan.RunId, at.Chunk, request.Retry), Retry);
        var inFlight = Math.Min(request.Pace.InFlight, open.Count);
        await Tasks.ForEach(open, request.Pace.InFlight, batch => Render(context, request, plan, at.Chunk, batch, inFlight));
        var counts = await context.Call(GenerateActivities.ReportChunk, new ChunkReport(plan.RunId, at.Chunk), Retry);

        context.ContinueAsNew(request with { Model = request.Model ?? plan.Model, Cursor = at with { Chunk = at.Chunk + 1, Done = done.Plus(counts) } });
        return null!;
    }

    /// <summary>Sends a batch and waits for its end; after silence it is sent again, and at last it is given up.</summary>
    private static async Task<bool> Render(TaskOrchestrationContext context, GenerateRequest request, PlanSummary plan, int chunk, string batch, int inFlight)
    {
        var ended = $"{batch}-{request.Retry?.Round ?? 0}";
        // The deadline is for rendering. Before it every other batch of this run in flight may be rendered, each within its own, where there is one worker.
        var deadline = TimeSpan.FromSeconds((double)request.Pace.DeadlineSeconds * (inFlight + 1));
        for (var send = 1; send <= request.Pace.MaxSends; send++)
        {
            var ticket = new BatchTicket(plan.RunId, chunk, batch, context.InstanceId, ended, request.Pace.DeadlineSeconds, request.Retry)
            {
                Model = plan is { ModelName: { } name, Model: { } fingerprint } ? JobModel.Of(name, fingerprint) : null,
            };
            await context.Call(GenerateActivities.SendBatch, ticket, Retry);
            try
            {
                return (await context.WaitForExternalEvent<BatchDone>(ended, deadline)).Succeeded;
            }
            catch (TaskCanceledException)
            {
                // The deadline passed. The message may be lost, or every worker busy or down.
            }
        }

        var silence = $"No worker finished the batch within {Counted.Of(request.Pace.MaxSends, "time")} {deadline}.";
        return !await context.Call(GenerateActivities.GiveUpBatch, new BatchLost(plan.RunId, batch, FaultReason.Timeout, silence), Retry);
    }
}
