using Sana.Workflows.Contract;
using Sana.Workflows.Queue;

namespace Sana.Workflows.Orchestrations;

/// <summary>
/// Prompts to images: plan, then chunk by chunk the batches that are still to be made, a window of them in flight, each one message to a worker and one event back;
/// then outcome lists and manifest. A run of the instance is one chunk, so its history stays short at any number of prompts.
/// </summary>
public sealed class GenerateImages : IWorkflow<GenerateRequest, GenerateSummary>
{
    /// <summary>Of steps that touch blobs or the queue.</summary>
    internal static readonly StepRetry Patience = new() { MaxAttempts = 6, ExceptFor = ["Sana.Inference.InferenceException"] };

    /// <inheritdoc/>
    public async Task<GenerateSummary> Run(IWorkflowContext context, GenerateRequest request)
    {
        var at = request.Cursor ?? new GenerateCursor(await context.Call(Steps.PlanRun, request, Patience), 0, ItemCounts.None);
        var (plan, done) = (at.Plan, at.Done);
        var isLast = at.Chunk == plan.Chunks;
        context.SetStatus(new RunStatus(plan.RunId, isLast ? "report" : "render", done.Succeeded + done.Failed, plan.Images, done.Failed));
        if (isLast)
            return await context.Call(Steps.CloseRun, new CloseRun(plan.RunId, plan.Chunks), Patience);

        var open = await context.Call(Steps.OpenBatches, new ChunkQuery(plan.RunId, at.Chunk, request.Retry), Patience);
        await context.ForEach(open, request.Pace.InFlight, batch => Render(context, request, plan.RunId, at.Chunk, batch));
        var counts = await context.Call(Steps.ReportChunk, new ChunkReport(plan.RunId, at.Chunk), Patience);

        context.ContinueAsNew(request with { Cursor = at with { Chunk = at.Chunk + 1, Done = done.Plus(counts) } });
        return null!;
    }

    /// <summary>Sends a batch and waits for its end; silence is answered by sending it again, and at last by giving it up.</summary>
    private static async Task<bool> Render(IWorkflowContext context, GenerateRequest request, string runId, int chunk, string batch)
    {
        var ended = $"{batch}-{request.Retry?.Round ?? 0}";
        var deadline = TimeSpan.FromSeconds(request.Pace.DeadlineSeconds);
        for (var send = 1; send <= request.Pace.MaxSends; send++)
        {
            await context.Call(Steps.SendBatch, new BatchTicket(runId, chunk, batch, context.InstanceId, ended, request.Retry), Patience);
            try
            {
                return (await context.WaitForEvent<BatchDone>(ended, deadline)).Succeeded;
            }
            catch (TimeoutException)
            {
                // The message may be lost, or every worker busy or down.
            }
        }

        var silence = $"No worker finished the batch within {request.Pace.MaxSends} times {deadline}.";
        return !await context.Call(Steps.LoseBatch, new BatchLost(runId, batch, FaultReason.Timeout, silence), Patience);
    }
}
