using DurableTask.Core;

namespace DurableTask.Sqlite;

/// <summary>
/// The work item of an instance, handed to the dispatcher again and again: DurableTask.Core keeps the state of the running code in it, so that nothing is replayed.
/// </summary>
internal sealed class WorkItem : TaskOrchestrationWorkItem
{
    public WorkItem(Inbox inbox, Recorded recorded)
    {
        Inbox = inbox;
        Key = recorded.Key;
        InstanceId = inbox.Id;
        LockedUntilUtc = DateTime.MaxValue;
        OrchestrationRuntimeState = new OrchestrationRuntimeState(recorded.History) { Status = recorded.CustomStatus };
        Execution = OrchestrationRuntimeState.OrchestrationInstance?.ExecutionId;
    }

    public override bool RestoreOriginalRuntimeStateDuringCompletion => false;

    public Inbox Inbox { get; }

    public long Key { get; }

    /// <summary>The execution whose history is in the journal; null before the first turn.</summary>
    public string? Execution { get; private set; }

    /// <summary>The messages of the present turn; none once the turn has an outcome.</summary>
    public IReadOnlyList<Pending> Batch { get; private set; } = [];

    /// <summary>It may stay in memory after its turn.</summary>
    public bool IsKept { get; private set; }

    public void Take(List<Pending> batch)
    {
        Batch = batch;
        NewMessages = batch.ConvertAll(pending => pending.Message);
        OrchestrationRuntimeState.NewEvents.Clear();
        IsKept = false;
    }

    /// <summary>The turn is written, and the next one goes on with this state.</summary>
    public void Keep(string execution, OrchestrationRuntimeState state) =>
        (Execution, OrchestrationRuntimeState, IsKept, Batch, NewMessages) = (execution, state, true, [], []);

    /// <summary>The turn has an outcome, and the next one begins with what is in the journal.</summary>
    public void Forget() => (IsKept, Batch) = (false, []);
}
