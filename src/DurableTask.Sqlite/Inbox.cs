using DurableTask.Core;
using DurableTask.Core.History;

namespace DurableTask.Sqlite;

/// <summary>What waits in memory for one instance: its messages and, while it waits for them, its work item. Guarded by the service's gate.</summary>
internal sealed class Inbox(string id)
{
    private List<Pending> _messages = [];
    private WorkItem? _kept;
    private bool _isQueued;
    private bool _isLocked;
    private volatile bool _isClosed;

    public string Id { get; } = id;

    /// <summary>Its place among those that wait with their state in memory.</summary>
    public LinkedListNode<Inbox>? Place { get; set; }

    /// <summary>Its messages are not to be looked at: a turn failed a moment ago, its start is still to come, or its code is refused.</summary>
    public bool IsHeld { get; set; }

    /// <summary>Turns that could not be run, one after the other.</summary>
    public int Failures { get; set; }

    /// <summary>What it holds is void: the instance was replaced or ended from outside, or the service was stopped. Any thread.</summary>
    public bool IsClosed => _isClosed;

    public bool IsEmpty => _messages.Count == 0 && !_isLocked && !_isQueued;

    public bool IsWaiting => !_isLocked && !_isQueued && !_isClosed;

    public void Add(Pending message) => _messages.Add(message);

    /// <summary>Puts messages back in front; they wait until somebody lifts <see cref="IsHeld"/>.</summary>
    public void PutBack(IReadOnlyList<Pending> batch)
    {
        _messages.InsertRange(0, batch);
        IsHeld = true;
    }

    /// <summary>True when it is to be put into the queue of those that are ready.</summary>
    public bool Queue()
    {
        if (_isQueued || _isLocked || _isClosed || IsHeld || _messages.Count == 0)
            return false;
        return _isQueued = true;
    }

    /// <summary>Takes the messages; false when the instance was forgotten meanwhile.</summary>
    public bool Lock(out WorkItem? item, out List<Pending> batch)
    {
        (item, batch) = (_kept, _messages);
        _isQueued = false;
        if (_isClosed)
            return false;
        // A rewind of a finished instance stands alone in its batch.
        var rewind = batch.FindIndex(message => message.Message.Event is ExecutionRewoundEvent);
        _messages = rewind < 0 || batch.Count == 1 ? [] : batch.GetRange(1, batch.Count - 1);
        if (_messages.Count > 0)
            batch = batch.GetRange(0, 1);
        _kept = null;
        return _isLocked = true;
    }

    public void Unlock(WorkItem? kept)
    {
        _isLocked = false;
        _kept = kept;
        if (kept is not null)
            Failures = 0;
    }

    public void Close() => _isClosed = true;
}

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

    public void Keep(string execution, OrchestrationRuntimeState state)
    {
        (Execution, OrchestrationRuntimeState, IsKept) = (execution, state, true);
    }

    public void Forget() => IsKept = false;
}
