using Microsoft.DurableTask;
using Sana.Jobs.Durable;
using Sana.Jobs.Queue;

namespace Sana.Jobs.Requests;

/// <summary>
/// A batch of an uploaded file: its lines are checked, then drawn chunk by chunk, a window of them at once and each a <see cref="RunJob"/> of its own, then its files are written.
/// An execution is one chunk, so its history stays short at any number of lines. It hears of a cancel by an event, because then its files are to be written.
/// </summary>
public sealed class RunBatchFile : TaskOrchestrator<BatchFileRequest, BatchFileState>
{
    /// <summary>Its name, with what it takes and gives.</summary>
    public static readonly Orchestration<BatchFileRequest, BatchFileState> Workflow = new(nameof(RunBatchFile));

    private static readonly TaskOptions Retry = Tasks.Retry(20, longest: TimeSpan.FromMinutes(1));

    private static readonly int InFlight = new Pace().InFlight;

    /// <inheritdoc />
    public override async Task<BatchFileState> RunAsync(TaskOrchestrationContext context, BatchFileRequest input)
    {
        ArgumentNullException.ThrowIfNull(input);
        var state = input.State ?? await Check(context, input);
        context.SetCustomStatus(state);
        if (state.Status == BatchFileStatus.Failed)
            return state;
        if (input.Chunk == state.Chunks)
            return await Close(context, input, state);
        context.ContinueAsNew(input with { Chunk = input.Chunk + 1, State = await Draw(context, input, state) });
        return null!;
    }

    private static async Task<BatchFileState> Check(TaskOrchestrationContext context, BatchFileRequest batch)
    {
        var found = await context.Call(BatchFiles.CheckLines, batch, Retry);
        var state = new BatchFileState(BatchFileStatus.InProgress, batch.CreatedAt) { Total = found.Lines, Chunks = found.Chunks, InProgressAt = context.CurrentUtcDateTime };
        return found.Errors == 0 ? state : new BatchFileState(BatchFileStatus.Failed, batch.CreatedAt) { EndedAt = context.CurrentUtcDateTime };
    }

    /// <summary>One chunk: its lines end, or are not begun once the batch is to stop.</summary>
    private static async Task<BatchFileState> Draw(TaskOrchestrationContext context, BatchFileRequest batch, BatchFileState before)
    {
        var now = before;
        using var over = new CancellationTokenSource();
        if (before.Ending == BatchFileStatus.Completed)
        {
            var stop = Stop();
            var tickets = await context.Call(BatchFiles.OpenLines, Step(batch, now), Retry);
            await Tasks.ForEach(tickets, InFlight, async ticket =>
            {
                if (stop.IsCompleted)
                    return false;
                var isMade = await Follow(context, ticket, stop);
                Tell(isMade ? now with { Completed = now.Completed + 1 } : now with { Failed = now.Failed + 1 });
                return isMade;
            });
        }

        // What each line came to is read from its result; until then the counts are what was heard.
        var counts = await context.Call(BatchFiles.ReportLines, Step(batch, now), Retry);
        over.Cancel();
        return now with { Completed = before.Completed + (int)counts.Succeeded, Failed = before.Failed + (int)counts.Failed };

        async Task Stop()
        {
            var cancel = context.WaitForExternalEvent<string>(WorkflowClient.CancelEvent);
            var first = await Task.WhenAny(cancel, context.CreateTimer(batch.ExpiresAt, over.Token));
            if (!first.IsCompletedSuccessfully)
                return;
            Tell(first == cancel
                ? now with { Status = BatchFileStatus.Cancelling, CancellingAt = context.CurrentUtcDateTime, Ending = BatchFileStatus.Cancelled }
                : now with { Ending = BatchFileStatus.Expired });
        }

        void Tell(BatchFileState state)
        {
            now = state;
            context.SetCustomStatus(state);
        }
    }

    /// <summary>One line to its end, and whether its images were made. What is drawn when the batch is to stop is canceled.</summary>
    private static async Task<bool> Follow(TaskOrchestrationContext context, JobTicket ticket, Task stop)
    {
        var job = RequestedJobs.Instance(ticket.JobId);
        var end = context.CallSubOrchestratorAsync<JobEnd>(RunJob.Workflow.Name, ticket, new SubOrchestrationOptions(instanceId: job));
        if (await Task.WhenAny(end, stop) == stop)
            context.SendEvent(job, WorkflowClient.CancelEvent, "its batch has ended");
        try
        {
            return (await end).Status == JobStatus.Succeeded;
        }
        catch (TaskFailedException)
        {
            // Without a result: its line in the error file says so.
            return false;
        }
    }

    private static async Task<BatchFileState> Close(TaskOrchestrationContext context, BatchFileRequest batch, BatchFileState state)
    {
        state = state with { Status = state.Ending == BatchFileStatus.Cancelled ? state.Status : BatchFileStatus.Finalizing, FinalizingAt = context.CurrentUtcDateTime };
        context.SetCustomStatus(state);
        var files = await context.Call(BatchFiles.WriteBatchFiles, Step(batch, state), Retry);
        return state with { Status = state.Ending, EndedAt = context.CurrentUtcDateTime, OutputFile = files.OutputFile, ErrorFile = files.ErrorFile };
    }

    /// <summary>What an activity needs of a batch.</summary>
    private static BatchFileRequest Step(BatchFileRequest batch, BatchFileState state) => batch with { State = state, Metadata = null };
}
