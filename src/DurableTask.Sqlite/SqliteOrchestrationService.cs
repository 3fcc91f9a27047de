using System.Threading.Channels;
using DurableTask.Core;
using DurableTask.Core.Exceptions;
using DurableTask.Core.History;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace DurableTask.Sqlite;

/// <summary>
/// Storage of DurableTask.Core in one SQLite file, for the dispatchers of one process. A process that is killed at any instant goes on where it stood.
/// </summary>
/// <remarks>
/// <para>What a turn of an orchestration decided (history, activities, timers, messages to others) is one transaction, and nothing of it happens before it is on the disk.
/// The result of an activity is handed to its orchestration at once and is written with the turn that it causes, so that one step costs one flush to the disk.
/// After a kill an activity whose turn was not written runs again: activities run at least once, and their results are recorded exactly once.</para>
/// <para>The work item of an orchestration that waits stays in memory with its execution state, so that its next event replays nothing.</para>
/// </remarks>
public sealed partial class SqliteOrchestrationService : IOrchestrationService, IAsyncDisposable
{
    private readonly SqliteOrchestrationServiceSettings _settings;
    private readonly ILogger _log;
    private readonly object _gate = new();
    private readonly Dictionary<string, Inbox> _inboxes = []; // _gate
    private readonly LinkedList<Inbox> _idle = []; // _gate; the least recently used first
    private readonly Dictionary<string, List<TaskCompletionSource<OrchestrationState>>> _waiters = []; // writer thread
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lease? _lease;
    private readonly Journal _journal; // writer thread, but for NextId
    private readonly JournalWriter _writer;
    private readonly TimerQueue _timers;
    private readonly ITimer _housekeeping;
    private Channel<Inbox> _ready = Channel.CreateUnbounded<Inbox>();
    private Channel<PendingActivity> _activities = Channel.CreateUnbounded<PendingActivity>();
    private int _state; // 0 not started, 1 started, 2 closed

    /// <summary>Takes the journal; instances go on once <see cref="StartAsync"/> was called.</summary>
    /// <exception cref="JournalException">Another process owns the journal, or it cannot be opened.</exception>
    public SqliteOrchestrationService(SqliteOrchestrationServiceSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _settings = settings;
        _log = settings.LoggerFactory.CreateLogger<SqliteOrchestrationService>();
        var path = settings.Path == SqliteOrchestrationServiceSettings.InMemory ? settings.Path : Path.GetFullPath(settings.Path);
        try
        {
            if (path != SqliteOrchestrationServiceSettings.InMemory)
            {
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                _lease = Lease.Take(path, Now);
            }

            _journal = Journal.Open(path, write: true, settings.SurvivePowerLoss);
        }
        catch (Exception error)
        {
            _lease?.Dispose();
            if (error is IOException or UnauthorizedAccessException or SqliteException)
                throw new JournalException($"The journal {path} cannot be opened: {error.Message} Repair it or use another data folder.", error);
            throw;
        }

        _writer = new JournalWriter(_journal.Connection, Break);
        _timers = new TimerQueue(settings.Clock);
        _writer.Start();
        _housekeeping = settings.Clock.CreateTimer(_ => PurgeOld(), null, TimeSpan.Zero, TimeSpan.FromHours(1));
    }

    /// <summary>Ends when the service is closed, with a <see cref="JournalException"/> when the journal cannot be written any more.</summary>
    public Task Stopped => _stopped.Task;

    /// <summary>Told the id of an instance when it has finished, on the writer thread: it must be quick.</summary>
    public event Action<string>? InstanceFinished;

    /// <inheritdoc/>
    public int TaskOrchestrationDispatcherCount => 1;

    /// <inheritdoc/>
    public int MaxConcurrentTaskOrchestrationWorkItems => _settings.MaxConcurrentOrchestrations;

    /// <inheritdoc/>
    public BehaviorOnContinueAsNew EventBehaviourForContinueAsNew => BehaviorOnContinueAsNew.Carryover;

    /// <inheritdoc/>
    public int TaskActivityDispatcherCount => 1;

    /// <inheritdoc/>
    public int MaxConcurrentTaskActivityWorkItems => _settings.MaxConcurrentActivities;

    private DateTime Now => _settings.Clock.GetUtcNow().UtcDateTime;

    /// <inheritdoc/>
    public Task CreateAsync() => Task.CompletedTask;

    /// <inheritdoc/>
    public Task CreateAsync(bool recreateInstanceStore) => recreateInstanceStore ? DeleteAsync() : Task.CompletedTask;

    /// <inheritdoc/>
    public Task CreateIfNotExistsAsync() => Task.CompletedTask;

    /// <summary>Deletes every instance.</summary>
    public Task DeleteAsync() => DeleteAsync(true);

    /// <inheritdoc cref="DeleteAsync()"/>
    public Task DeleteAsync(bool deleteInstanceStore) => _writer.Ask(
        () =>
        {
            _journal.DeleteAll();
            return true;
        },
        _ => ForgetAll());

    /// <summary>Goes on with everything that waits in the journal.</summary>
    public Task StartAsync()
    {
        if (Interlocked.CompareExchange(ref _state, 1, 0) != 0)
            return Task.CompletedTask;
        return _writer.Ask(_journal.Waiting, waiting =>
        {
            foreach (var message in waiting.Messages)
                Deliver(message);
            foreach (var activity in waiting.Activities)
                _activities.Writer.TryWrite(activity);
        });
    }

    /// <summary>Hands out no more work. What runs may end, and what it records is kept; the service can be started again.</summary>
    public Task StopAsync() => StopAsync(false);

    /// <inheritdoc cref="StopAsync()"/>
    public Task StopAsync(bool isForced)
    {
        if (Interlocked.CompareExchange(ref _state, 0, 1) == 1)
            ForgetAll();
        return Task.CompletedTask;
    }

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
            WorkItem? item;
            List<Pending> batch;
            lock (_gate)
            {
                if (!inbox.Lock(out item, out batch))
                    continue;
            }

            try
            {
                item ??= await Load(inbox, batch);
                if (item is null)
                {
                    Unlock(inbox, null);
                    continue;
                }

                item.Take(batch);
                return item;
            }
            catch
            {
                Unlock(inbox, null);
                throw;
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
            item.Forget();
            await _writer.Ask(() => Drop(item.Batch));
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
            item.Key, orchestrationState, execution != item.Execution, [.. newOrchestrationRuntimeState.NewEvents], item.Batch,
            [.. orchestratorMessages.Select(message => new Pending(_journal.NextId(), null, message)), .. timerMessages.Select(Timer)],
            [.. outboundMessages.Select(message => new PendingActivity(_journal.NextId(), message))]);
        var isFinished = !Journal.IsUnfinished(orchestrationState.OrchestrationStatus);
        // After a rewind the code runs over the new history from its beginning.
        if (isFinished || turn.IsRewind)
            item.Forget();
        else
            item.Keep(execution, newOrchestrationRuntimeState);
        await _writer.Ask(() => item.Inbox.IsClosed ? null : Write(turn), delivered =>
        {
            if (delivered is null)
            {
                item.Forget();
                return;
            }

            foreach (var message in delivered)
                Deliver(message);
            foreach (var activity in turn.Activities)
                _activities.Writer.TryWrite(activity);
            if (isFinished)
                Finished(item.InstanceId);
        });
    }

    /// <inheritdoc/>
    public Task RenewTaskOrchestrationWorkItemLockAsync(TaskOrchestrationWorkItem workItem) => Task.CompletedTask;

    /// <summary>The turn could not be run: its messages come again, each time later, up to a minute.</summary>
    public Task AbandonTaskOrchestrationWorkItemAsync(TaskOrchestrationWorkItem workItem)
    {
        var item = (WorkItem)workItem;
        item.Forget();
        lock (_gate)
            item.Inbox.PutBack(item.Batch);
        var wait = Backoff(++item.Inbox.Failures);
        _log.Abandoned(item.InstanceId, wait);
        _timers.Add(Now + wait, () =>
        {
            lock (_gate)
            {
                item.Inbox.IsHeld = false;
                Queue(item.Inbox);
            }
        });
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task ReleaseTaskOrchestrationWorkItemAsync(TaskOrchestrationWorkItem workItem)
    {
        var item = (WorkItem)workItem;
        Unlock(item.Inbox, item.IsKept ? item : null);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task<TaskActivityWorkItem> LockNextTaskActivityWorkItem(TimeSpan receiveTimeout, CancellationToken cancellationToken) =>
        await Take(_activities, receiveTimeout, cancellationToken) is { } activity
            ? new ActivityItem { Id = activity.Id.ToString(System.Globalization.CultureInfo.InvariantCulture), TaskMessage = activity.Message, LockedUntilUtc = DateTime.MaxValue, Activity = activity }
            : null!;

    /// <inheritdoc/>
    public Task<TaskActivityWorkItem> RenewTaskActivityWorkItemLockAsync(TaskActivityWorkItem workItem) => Task.FromResult(workItem);

    /// <inheritdoc/>
    public Task CompleteTaskActivityWorkItemAsync(TaskActivityWorkItem workItem, TaskMessage responseMessage)
    {
        var activity = ((ActivityItem)workItem).Activity;
        var result = new Pending(_journal.NextId(), null, responseMessage);
        _writer.Post(
            () =>
            {
                _journal.DropActivity(activity.Id);
                _journal.Add(result);
            },
            canWait: true);
        // Before it is on the disk: it is written with the turn that it causes, in one transaction, and until then it has caused nothing.
        Deliver(result);
        return Task.CompletedTask;
    }

    /// <summary>The activity could not be run: it comes again, each time later, up to a minute.</summary>
    public Task AbandonTaskActivityWorkItemAsync(TaskActivityWorkItem workItem)
    {
        var item = (ActivityItem)workItem;
        var again = item.Activity with { Failures = item.Activity.Failures + 1 };
        var (wait, queue) = (Backoff(again.Failures), _activities);
        _log.Abandoned(workItem.TaskMessage.OrchestrationInstance.InstanceId, wait);
        _timers.Add(Now + wait, () => queue.Writer.TryWrite(again));
        return Task.CompletedTask;
    }

    /// <summary>Writes what is waiting and gives the journal up. Stop the dispatchers before.</summary>
    public ValueTask DisposeAsync()
    {
        Close(_writer.Dispose);
        return ValueTask.CompletedTask;
    }

    /// <summary>Leaves as a killed process does: nothing more is written, and the lease ends.</summary>
    internal void Abandon() => Close(_writer.Abandon);

    private static TimeSpan Backoff(int failures) => TimeSpan.FromSeconds(Math.Min(60, Math.Pow(2, Math.Min(failures, 10) - 1)));

    private static async Task<T?> Take<T>(Channel<T> queue, TimeSpan timeout, CancellationToken cancellation)
        where T : class
    {
        if (queue.Reader.TryRead(out var ready))
            return ready;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(timeout);
        try
        {
            return await queue.Reader.ReadAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return null;
        }
        catch (ChannelClosedException)
        {
            return null;
        }
    }

    /// <summary>A suspended or resumed instance shows the reason as its output, as the other providers do.</summary>
    private static void SayWhySuspended(OrchestrationRuntimeState state, OrchestrationState shown)
    {
        if (shown.OrchestrationStatus == OrchestrationStatus.Suspended)
            shown.Output = state.Events.OfType<ExecutionSuspendedEvent>().LastOrDefault()?.Reason;
    }

    private Pending Timer(TaskMessage message) => new(_journal.NextId(), ((TimerFiredEvent)message.Event).FireAt, message);

    /// <summary>Writes a turn; what is to be delivered after the commit, or null when the instance was ended, replaced or purged meanwhile.</summary>
    private List<Pending>? Write(Turn turn)
    {
        List<Pending> refusals = [];
        Dictionary<HistoryEvent, long> keys = [];
        foreach (var child in turn.Messages.Select(message => message.Message.Event).OfType<ExecutionStartedEvent>())
        {
            // Before the messages are written: a message is kept for an instance that is there.
            if (_journal.Find(child.OrchestrationInstance.InstanceId) is not { } found)
                keys.Add(child, _journal.Add(child, Now));
            else if (!Journal.IsUnfinished(found.OrchestrationStatus))
                keys.Add(child, Replace(child));
            else
                refusals.Add(Taken(child));
        }

        var messages = refusals.Count == 0
            ? turn.Messages
            : [.. turn.Messages.Where(message => !refusals.Exists(refusal => IsAbout(refusal, message))), .. refusals];
        if (_journal.Write(turn with { Messages = messages }, Now))
            return [.. messages.Select(message => keys.TryGetValue(message.Message.Event, out var key) ? message with { NewInstance = key } : message)];
        // The parent was ended or replaced: its children are not begun.
        foreach (var child in keys.Keys.Cast<ExecutionStartedEvent>())
            _journal.Purge(child.OrchestrationInstance.InstanceId);
        return null;
    }

    private long Replace(ExecutionStartedEvent started)
    {
        foreach (var id in _journal.FamilyOf(started.OrchestrationInstance.InstanceId))
            Forget(id);
        _journal.Purge(started.OrchestrationInstance.InstanceId);
        return _journal.Add(started, Now);
    }

    private static bool IsAbout(Pending refusal, Pending start) =>
        start.Message.Event is ExecutionStartedEvent { ParentInstance: { } parent }
        && refusal.Message.Event is SubOrchestrationInstanceFailedEvent failed && failed.TaskScheduledId == parent.TaskScheduleId;

    private Pending Taken(ExecutionStartedEvent child)
    {
        var sentence = $"The id {child.OrchestrationInstance.InstanceId} belongs to another instance that has not finished; give each child an id of its own.";
        return new Pending(_journal.NextId(), null, new TaskMessage
        {
            OrchestrationInstance = child.ParentInstance.OrchestrationInstance,
            Event = new SubOrchestrationInstanceFailedEvent(
                -1, child.ParentInstance.TaskScheduleId, sentence, null, new FailureDetails(typeof(OrchestrationAlreadyExistsException).FullName!, sentence, null, null, true)),
        });
    }

    private bool Drop(IReadOnlyList<Pending> batch)
    {
        _journal.Drop(batch);
        return true;
    }

    /// <summary>The work item of an instance that is not in memory; null when nothing is to be done for its messages now.</summary>
    private async Task<WorkItem?> Load(Inbox inbox, List<Pending> batch)
    {
        var recorded = batch.Find(message => message.NewInstance is not null) is { NewInstance: { } key }
            ? new Recorded(key, OrchestrationStatus.Pending, null, [])
            : await _writer.Ask(() => _journal.Load(inbox.Id));
        if (recorded is null || (!Journal.IsUnfinished(recorded.Status) && !batch.Exists(message => message.Message.Event is ExecutionRewoundEvent)))
        {
            await _writer.Ask(() => Drop(batch));
            return null;
        }

        if (recorded.History.Count == 0 && !batch.Exists(message => message.Message.Event is ExecutionStartedEvent))
        {
            // It starts later, and takes then what came before.
            lock (_gate)
                inbox.PutBack(batch);
            return null;
        }

        return new WorkItem(inbox, recorded);
    }

    private async Task Refuse(WorkItem item, string error)
    {
        var sentence = $"The code of orchestration '{item.OrchestrationRuntimeState.Name}' does not fit what instance {item.InstanceId} recorded: {error} "
            + "Run it with the program that began it, or terminate it.";
        _log.Refused(sentence);
        item.Forget();
        lock (_gate)
            item.Inbox.PutBack(item.Batch);
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
        if (message.Due is { } due && due > Now)
        {
            _timers.Add(due, () => Deliver(message with { Due = null }));
            return;
        }

        lock (_gate)
        {
            if (_state != 1)
                return;
            var id = message.Message.OrchestrationInstance.InstanceId;
            if (!_inboxes.TryGetValue(id, out var inbox))
                _inboxes.Add(id, inbox = new Inbox(id));
            inbox.Add(message);
            if (message.Message.Event is not ExecutionStartedEvent && inbox.IsHeld)
                return;
            inbox.IsHeld = false;
            Queue(inbox);
        }
    }

    private void Queue(Inbox inbox)
    {
        if (!inbox.Queue())
            return;
        if (inbox.Place is { } place)
        {
            _idle.Remove(place);
            inbox.Place = null;
        }

        _ready.Writer.TryWrite(inbox);
    }

    private void Unlock(Inbox inbox, WorkItem? kept)
    {
        lock (_gate)
        {
            inbox.Unlock(kept);
            Queue(inbox);
            if (kept is null && inbox.IsEmpty)
            {
                if (_inboxes.TryGetValue(inbox.Id, out var present) && present == inbox)
                    _inboxes.Remove(inbox.Id);
            }
            else if (kept is not null && inbox.IsWaiting)
            {
                inbox.Place = _idle.AddLast(inbox);
                if (_idle.Count > _settings.MaxInstancesInMemory)
                    Evict(_idle.First!.Value);
            }
        }
    }

    private void Evict(Inbox inbox)
    {
        _idle.Remove(inbox.Place!);
        _inboxes.Remove(inbox.Id);
    }

    /// <summary>What is in memory of an instance does not hold any more: it was replaced, ended from outside or purged.</summary>
    private void Forget(string id)
    {
        lock (_gate)
        {
            if (!_inboxes.Remove(id, out var inbox))
                return;
            inbox.Close();
            if (inbox.Place is { } place)
                _idle.Remove(place);
        }
    }

    private void ForgetAll()
    {
        lock (_gate)
        {
            foreach (var inbox in _inboxes.Values)
                inbox.Close();
            _inboxes.Clear();
            _idle.Clear();
            _ready = Channel.CreateUnbounded<Inbox>();
            _activities = Channel.CreateUnbounded<PendingActivity>();
            _timers.Clear();
        }
    }

    /// <summary>On the writer thread, after the commit.</summary>
    private void Finished(string id)
    {
        InstanceFinished?.Invoke(id);
        if (!_waiters.Remove(id, out var waiters) || _journal.Find(id) is not { } found)
            return;
        waiters.ForEach(waiter => waiter.TrySetResult(found));
    }

    private void PurgeOld()
    {
        if (_settings.Retention == Timeout.InfiniteTimeSpan)
            return;
        _writer.Post(() =>
        {
            foreach (var id in _journal.Finished(null, null, Now - _settings.Retention, null))
                _journal.Purge(id);
        });
    }

    private void Break(JournalException error)
    {
        _log.Broke(error);
        FailWaiters(error);
        _stopped.TrySetException(error);
    }

    private void FailWaiters(Exception error)
    {
        foreach (var waiter in _waiters.Values.SelectMany(waiters => waiters))
            waiter.TrySetException(error);
        _waiters.Clear();
    }

    private void Close(Action endWriter)
    {
        if (Interlocked.Exchange(ref _state, 2) == 2)
            return;
        _housekeeping.Dispose();
        _timers.Dispose();
        endWriter();
        ForgetAll();
        FailWaiters(new JournalException("The service was closed; the instance goes on when the journal is opened again."));
        _journal.Dispose();
        _lease?.Dispose();
        _stopped.TrySetResult();
    }

    private sealed class ActivityItem : TaskActivityWorkItem
    {
        public required PendingActivity Activity { get; init; }
    }
}

internal static partial class ServiceLog
{
    [LoggerMessage(101, LogLevel.Warning, "{Sentence}")]
    public static partial void Refused(this ILogger logger, string sentence);

    [LoggerMessage(102, LogLevel.Critical, "The journal stopped.")]
    public static partial void Broke(this ILogger logger, Exception error);

    [LoggerMessage(103, LogLevel.Warning, "Work of instance {Instance} could not be run; it is tried again in {Wait}.")]
    public static partial void Abandoned(this ILogger logger, string instance, TimeSpan wait);
}
