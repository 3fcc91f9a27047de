using DurableTask.Core;
using DurableTask.Core.Exceptions;
using DurableTask.Core.History;
using DurableTask.Core.Tracing;

namespace DurableTask.Sqlite;

// What the dispatcher of orchestrations asks.
public sealed partial class SqliteOrchestrationService
{
    /// <inheritdoc/>
    public int TaskOrchestrationDispatcherCount => 1;

    /// <inheritdoc/>
    public int MaxConcurrentTaskOrchestrationWorkItems => _settings.MaxConcurrentOrchestrations;

    /// <inheritdoc/>
    public BehaviorOnContinueAsNew EventBehaviourForContinueAsNew => BehaviorOnContinueAsNew.Carryover;

    /// <inheritdoc/>
    public bool IsMaxMessageCountExceeded(int currentMessageCount, OrchestrationRuntimeState runtimeState) => false;

    /// <inheritdoc/>
    public int GetDelayInSecondsAfterOnProcessException(Exception exception) => 0;

    /// <inheritdoc/>
    public int GetDelayInSecondsAfterOnFetchException(Exception exception) => exception is JournalException ? 5 : 0;

    /// <inheritdoc/>
    public async Task<TaskOrchestrationWorkItem> LockNextTaskOrchestrationWorkItemAsync(TimeSpan receiveTimeout, CancellationToken cancellationToken)
    {
        while (await Take(_ready, receiveTimeout, cancellationToken) is { } inbox)
        {
            if (inbox.Home.Lock(inbox, out var kept, out var batch) && (kept ?? await Load(inbox, batch)) is { } item)
            {
                item.Take(batch);
                return item;
            }
        }

        return null!;
    }

    /// <inheritdoc/>
    public async Task CompleteTaskOrchestrationWorkItemAsync(
        TaskOrchestrationWorkItem workItem,
        OrchestrationRuntimeState newOrchestrationRuntimeState,
        IList<TaskMessage> outboundMessages,
        IList<TaskMessage> orchestratorMessages,
        IList<TaskMessage> timerMessages,
        TaskMessage continuedAsNewMessage,
        OrchestrationState orchestrationState)
    {
        var item = (WorkItem)workItem;
        if (orchestrationState is null)
        {
            // Messages for something that does not run any more.
            await Drop(item.Batch);
            item.Forget();
            return;
        }

        if (orchestrationState is { OrchestrationStatus: OrchestrationStatus.Failed, FailureDetails: { } failure }
            && failure.ErrorType == typeof(NonDeterministicOrchestrationException).FullName)
        {
            await Refuse(item, failure.ErrorMessage);
            return;
        }

        SayWhySuspended(newOrchestrationRuntimeState, orchestrationState);
        var execution = orchestrationState.OrchestrationInstance.ExecutionId;
        var turn = new Turn(
            item.Key, orchestrationState, execution != item.Execution, newOrchestrationRuntimeState.NewEvents, item.Batch,
            [.. orchestratorMessages.Select(message => Pending.Write(_journal.NextId(), message)), .. timerMessages.Select(Timer)],
            [.. outboundMessages.Select(Activity)]);
        var isWritten = await _writer.Ask(() => item.Inbox.IsClosed ? null : Write(turn), written => Happen(turn, written)) is not null;
        // After a rewind the code runs over the new history from its beginning.
        if (isWritten && !turn.IsFinished && !turn.IsRewind)
            item.Keep(execution, newOrchestrationRuntimeState);
        else
            item.Forget();
    }

    /// <inheritdoc/>
    public Task RenewTaskOrchestrationWorkItemLockAsync(TaskOrchestrationWorkItem workItem) => Task.CompletedTask;

    /// <summary>The turn could not be run: its messages come again, each time later, up to a minute.</summary>
    public Task AbandonTaskOrchestrationWorkItemAsync(TaskOrchestrationWorkItem workItem)
    {
        var item = (WorkItem)workItem;
        TryAgainLater(item.Inbox, item.Batch);
        item.Forget();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task ReleaseTaskOrchestrationWorkItemAsync(TaskOrchestrationWorkItem workItem)
    {
        var item = (WorkItem)workItem;
        // A dispatcher that stops gives back what it has just taken.
        var untouched = item.Batch.Count > 0;
        if (untouched)
            item.Inbox.Home.PutBack(item.Inbox, item.Batch);
        item.Inbox.Home.Unlock(item.Inbox, item.IsKept ? item : null);
        if (untouched)
            item.Inbox.Home.Lift(item.Inbox);
        return Task.CompletedTask;
    }

    /// <summary>A suspended instance shows the reason as its output, as the other providers do.</summary>
    private static void SayWhySuspended(OrchestrationRuntimeState state, OrchestrationState shown)
    {
        if (shown.OrchestrationStatus == OrchestrationStatus.Suspended)
            shown.Output = state.Events.OfType<ExecutionSuspendedEvent>().LastOrDefault()?.Reason;
    }

    private Pending Timer(TaskMessage message) => Pending.Write(_journal.NextId(), message, ((TimerFiredEvent)message.Event).FireAt);

    /// <summary>The work item of an instance that is not in memory; null when nothing is to be done for its messages now.</summary>
    private async Task<WorkItem?> Load(Inbox inbox, List<Pending> batch)
    {
        WorkItem? item = null;
        try
        {
            var recorded = batch.Find(message => message.NewInstance is not null) is { NewInstance: { } key }
                ? new Recorded(key, OrchestrationStatus.Pending, null, [])
                : await _writer.Ask(() => _journal.Load(inbox.Id));
            var isRewind = batch.Exists(message => message.Message.Event is ExecutionRewoundEvent);
            if (recorded is null || (!Journal.IsUnfinished(recorded.Status) && !isRewind))
                await Drop(batch);
            else if (recorded.History.Count == 0 && !batch.Exists(message => message.Message.Event is ExecutionStartedEvent))
                inbox.Home.PutBack(inbox, batch, untilStart: true);
            else
                item = new WorkItem(inbox, recorded);
            // A rewind takes the trace of the start apart, and DurableTask.Core expects that there is one.
            if (isRewind && item?.OrchestrationRuntimeState.ExecutionStartedEvent is { ParentTraceContext: null } started)
                started.ParentTraceContext = new DistributedTraceContext("");
            return item;
        }
        catch
        {
            TryAgainLater(inbox, batch);
            throw;
        }
        finally
        {
            if (item is null)
                inbox.Home.Unlock(inbox, null);
        }
    }

    private void TryAgainLater(Inbox inbox, IReadOnlyList<Pending> batch)
    {
        inbox.Home.PutBack(inbox, batch);
        var wait = Backoff(++inbox.Failures);
        _log.Abandoned(inbox.Id, wait);
        _timers.Add(Now + wait, () => inbox.Home.Lift(inbox));
    }

    private Task<bool> Drop(IReadOnlyList<Pending> batch) => _writer.Ask(() =>
    {
        _journal.Drop(batch);
        return true;
    });

    /// <summary>Writes a turn; null when the instance was ended, replaced or purged meanwhile.</summary>
    private Written? Write(Turn turn)
    {
        if (!_journal.Write(turn, Now))
            return null;
        List<Pending> delivered = [];
        foreach (var message in turn.Messages)
        {
            // What an ended instance waited for is nobody's.
            if (!turn.IsFinished || message.Due is null)
                Write(turn, message, delivered);
        }

        if (!turn.IsFinished)
        {
            foreach (var activity in turn.Activities)
                _journal.Add(activity, turn.Key);
        }

        // A child that this instance began while it was being ended.
        var end = turn.IsFinished ? turn.Consumed.FirstOrDefault(message => message.IsRecursive) : null;
        var ended = end is null ? [] : End(_journal.UntoldBelow(turn.InstanceId), ((ExecutionTerminatedEvent)end.Message.Event).Input, isRecursive: true);
        return new Written(delivered, ended);
    }

    /// <summary>Writes a message, or what the instance is told instead.</summary>
    private void Write(Turn turn, Pending message, List<Pending> delivered)
    {
        if (message.Message.Event is ExecutionStartedEvent child)
        {
            var (id, before) = (message.InstanceId, _journal.Find(message.InstanceId));
            var sentence = WrongId(id) ?? (before is not null && Journal.IsUnfinished(before.OrchestrationStatus)
                ? $"The id {id} belongs to another instance that has not finished; give each child an id of its own."
                : null);
            message = sentence is null
                ? message with { NewInstance = Begin(child, before) }
                : Failed(child.ParentInstance.OrchestrationInstance, child.ParentInstance.TaskScheduleId, sentence);
        }

        if (message.Message.Event is ExecutionRewoundEvent ? _journal.AddRewind(message, Now) : _journal.Add(message))
            delivered.Add(message);
        else if (message.Message.Event is ExecutionRewoundEvent && turn.Created(message.InstanceId) is { } created)
            Write(turn, Failed(turn.State.OrchestrationInstance, created.EventId, $"The child {message.InstanceId} is not there any more: it was purged, and cannot be rewound."), delivered);
    }

    private Pending Failed(OrchestrationInstance parent, int task, string sentence) => Pending.Write(_journal.NextId(), new TaskMessage
    {
        OrchestrationInstance = parent,
        Event = new SubOrchestrationInstanceFailedEvent(
            -1, task, sentence, null, new FailureDetails(typeof(OrchestrationAlreadyExistsException).FullName!, sentence, null, null, true)),
    });

    /// <summary>Adds an instance; one of the same id goes, with everything below it. Returns its key.</summary>
    private long Begin(ExecutionStartedEvent started, OrchestrationState? before)
    {
        if (before is not null)
        {
            foreach (var id in _journal.FamilyOf(before.OrchestrationInstance.InstanceId))
            {
                Forget(id);
                if (Journal.IsUnfinished(_journal.Find(id)!.OrchestrationStatus))
                    _onCommit.Add(() => InstanceFinished?.Invoke(id));
            }

            _journal.Delete(before.OrchestrationInstance.InstanceId);
        }

        return _journal.Add(started, Now);
    }

    /// <summary>On the writer thread, once a turn is on the disk.</summary>
    private void Happen(Turn turn, Written? written)
    {
        if (written is null)
            return;
        if (turn.IsNewExecution || turn.IsFinished)
            _timers.Remove(turn.InstanceId);
        foreach (var message in written.Messages)
            Deliver(message);
        if (!turn.IsFinished)
        {
            foreach (var activity in turn.Activities)
                HandOut(activity);
        }

        Happen(written.Ended);
        if (turn.IsFinished)
            Finished(turn.InstanceId);
    }

    private async Task Refuse(WorkItem item, string error)
    {
        var sentence = $"The code of orchestration '{item.OrchestrationRuntimeState.Name}' does not fit what instance {item.InstanceId} recorded: {error} "
            + "Run it with the program that began it, or terminate it.";
        _log.Refused(sentence);
        item.Inbox.Home.PutBack(item.Inbox, item.Batch);
        item.Forget();
        await _writer.Ask(
            () =>
            {
                _journal.Refuse(item.Key, sentence);
                return true;
            },
            _ =>
            {
                if (_waiters.Remove(item.InstanceId, out var waiters))
                    waiters.ForEach(waiter => waiter.TrySetException(new OrchestrationRefusedException(sentence)));
            });
    }

    private void Deliver(Pending message)
    {
        message.Json = null;
        if (_present is not { } present)
            return;
        // A start may be asked for at a certain hour; what else waits, waits for some time.
        if (message.Due is { } due && due > Now)
            _timers.Add(due, () => present.Add(message), message.InstanceId, isHour: message.Message.Event is ExecutionStartedEvent);
        else
            present.Add(message);
    }

    /// <summary>What is to happen once a turn is on the disk.</summary>
    private sealed record Written(List<Pending> Messages, List<Ended> Ended);
}
