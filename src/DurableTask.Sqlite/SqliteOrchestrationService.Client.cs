using DurableTask.Core;
using DurableTask.Core.Exceptions;
using DurableTask.Core.History;
using DurableTask.Core.Query;
using Newtonsoft.Json;

namespace DurableTask.Sqlite;

// What clients ask: start, send, wait, query, purge, rewind.
public sealed partial class SqliteOrchestrationService : IOrchestrationServiceClient, IOrchestrationServiceQueryClient, IOrchestrationServicePurgeClient
{
    /// <summary>The longest id of an instance, in characters.</summary>
    public const int MaxIdLength = 256;

    /// <inheritdoc/>
    public Task CreateTaskOrchestrationAsync(TaskMessage creationMessage) => CreateTaskOrchestrationAsync(creationMessage, null!);

    /// <summary>Writes a new instance and begins it. An instance of the same id is replaced, with its children, unless its status refuses that.</summary>
    /// <param name="creationMessage">Its start.</param>
    /// <param name="dedupeStatuses">Statuses of an existing instance that refuse a new one; null means <see cref="SqliteOrchestrationServiceSettings.DefaultDedupeStatuses"/>.</param>
    /// <exception cref="OrchestrationAlreadyExistsException">An instance of this id exists in one of these statuses.</exception>
    /// <exception cref="ArgumentException">The id is not allowed.</exception>
    /// <exception cref="JournalUnavailableException">The journal cannot be written at present; nothing of this was.</exception>
    public Task CreateTaskOrchestrationAsync(TaskMessage creationMessage, OrchestrationStatus[] dedupeStatuses)
    {
        ArgumentNullException.ThrowIfNull(creationMessage);
        if (creationMessage.Event is not ExecutionStartedEvent started)
            throw new ArgumentException($"An instance begins with an ExecutionStartedEvent, not with a {creationMessage.Event?.GetType().Name}.", nameof(creationMessage));
        var id = started.OrchestrationInstance.InstanceId;
        if (WrongId(id) is { } sentence)
            throw new ArgumentException(sentence, nameof(creationMessage));
        var pending = Pending.Write(_journal.NextId(), creationMessage, started.ScheduledStartTime);
        return _writer.Offer(
            () =>
            {
                var before = _journal.Find(id);
                if (before is not null && (dedupeStatuses ?? (IReadOnlyCollection<OrchestrationStatus>)_settings.DefaultDedupeStatuses).Contains(before.OrchestrationStatus))
                    throw new OrchestrationAlreadyExistsException($"An instance with the id {id} exists and is {before.OrchestrationStatus}.");
                var begun = pending with { NewInstance = Begin(started, before) };
                _journal.Add(begun);
                return begun;
            },
            Deliver);
    }

    /// <inheritdoc/>
    public Task SendTaskOrchestrationMessageAsync(TaskMessage message) => SendTaskOrchestrationMessageBatchAsync(message);

    /// <summary>Writes messages to instances and delivers them. One to an instance that does not exist or has finished is dropped.</summary>
    public async Task SendTaskOrchestrationMessageBatchAsync(params TaskMessage[] messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        await TrySendAsync(messages);
    }

    /// <summary>The same; returns how many of them an instance took.</summary>
    public async Task<int> TrySendAsync(params TaskMessage[] messages)
    {
        var pending = messages.Select(message => Pending.Write(_journal.NextId(), message)).ToList();
        var sent = await _writer.Offer(
            () => pending.Where(_journal.Add).ToList(),
            sent => sent.ForEach(Deliver));
        return sent.Count;
    }

    /// <summary>Waits until the instance has finished.</summary>
    /// <returns>Its state; null when there is no such instance or the time has passed.</returns>
    /// <exception cref="OrchestrationRefusedException">This program has not the code with which the instance was begun.</exception>
    /// <exception cref="JournalException">The service was closed meanwhile.</exception>
    public async Task<OrchestrationState> WaitForOrchestrationAsync(string instanceId, string executionId, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var waiter = new TaskCompletionSource<OrchestrationState?>(TaskCreationOptions.RunContinuationsAsynchronously);
        await _writer.Ask(() => _journal.Find(instanceId), found =>
        {
            if (found is null)
                waiter.SetResult(null);
            else if (found.FailureDetails is { } failure && failure.ErrorType == typeof(OrchestrationRefusedException).FullName)
                waiter.SetException(new OrchestrationRefusedException(failure.ErrorMessage));
            else if (!Journal.IsUnfinished(found.OrchestrationStatus))
                waiter.SetResult(found);
            else if (!_waiters.TryAdd(instanceId, [waiter]))
                _waiters[instanceId].Add(waiter);
        });
        try
        {
            return (await waiter.Task.WaitAsync(timeout > TimeSpan.FromDays(40) ? Timeout.InfiniteTimeSpan : timeout, cancellationToken))!;
        }
        catch (Exception error) when (error is OperationCanceledException or TimeoutException)
        {
            _writer.Post(() => { }, () =>
            {
                if (_waiters.TryGetValue(instanceId, out var waiters) && waiters.Remove(waiter) && waiters.Count == 0)
                    _waiters.Remove(instanceId);
            });
            if (error is TimeoutException)
                return null!;
            throw;
        }
    }

    /// <inheritdoc/>
    public Task ForceTerminateTaskOrchestrationAsync(string instanceId, string reason) => TerminateAsync(instanceId, reason, recursive: false);

    /// <summary>Ends an instance, and with <paramref name="recursive"/> everything below it, also what it begins meanwhile. Its code hears nothing of it. Returns how many were ended.</summary>
    public async Task<int> TerminateAsync(string instanceId, string? reason, bool recursive) =>
        (await _writer.Offer(() => End(recursive ? _journal.FamilyOf(instanceId) : [instanceId], reason, recursive), Happen)).Count;

    /// <summary>Lets a failed instance run its failed activities and children again; one that does so already goes on.</summary>
    /// <exception cref="InvalidOperationException">It does not exist or has not failed.</exception>
    public async Task RewindTaskOrchestrationAsync(string instanceId, string? reason)
    {
        var rewind = Pending.Write(_journal.NextId(), instanceId, new ExecutionRewoundEvent(-1, reason));
        await _writer.Offer(
            () =>
            {
                if (_journal.IsRewound(instanceId))
                    return false;
                return _journal.Find(instanceId) is { OrchestrationStatus: OrchestrationStatus.Failed }
                    ? _journal.AddRewind(rewind, Now)
                    : throw new InvalidOperationException($"Only a failed instance can be rewound; {instanceId} {(_journal.Find(instanceId) is { } found ? $"is {found.OrchestrationStatus}" : "does not exist")}.");
            },
            isAdded =>
            {
                if (isAdded)
                    Deliver(rewind);
            });
    }

    /// <inheritdoc/>
    public async Task<IList<OrchestrationState>> GetOrchestrationStateAsync(string instanceId, bool allExecutions) =>
        await Read(journal => journal.Find(instanceId)) is { } found ? [found] : [];

    /// <inheritdoc/>
    public async Task<OrchestrationState> GetOrchestrationStateAsync(string instanceId, string executionId) => (await Read(journal => journal.Find(instanceId)))!;

    /// <summary>The events of the present execution, as JSON.</summary>
    public async Task<string> GetOrchestrationHistoryAsync(string instanceId, string executionId) =>
        JsonConvert.SerializeObject(await Read(journal => journal.History(instanceId)));

    /// <inheritdoc/>
    public Task<OrchestrationQueryResult> GetOrchestrationWithQueryAsync(OrchestrationQuery query, CancellationToken cancellationToken) => QueryAsync(query, topOnly: false);

    /// <summary>A page of instances, the newest first; with <paramref name="topOnly"/> only those that no other instance began.</summary>
    public Task<OrchestrationQueryResult> QueryAsync(OrchestrationQuery query, bool topOnly) => Read(journal => journal.Query(query, topOnly));

    /// <summary>Deletes finished instances of before a time, with what has finished below them.</summary>
    public Task PurgeOrchestrationHistoryAsync(DateTime thresholdDateTimeUtc, OrchestrationStateTimeRangeFilterType timeRangeFilterType) => Purge(
        journal => timeRangeFilterType == OrchestrationStateTimeRangeFilterType.OrchestrationCreatedTimeFilter
            ? journal.Finished(null, thresholdDateTimeUtc, null, null)
            : journal.Finished(null, null, thresholdDateTimeUtc, null),
        null);

    /// <summary>Deletes a finished instance and what has finished below it; nothing when it has not finished.</summary>
    public Task<PurgeResult> PurgeInstanceStateAsync(string instanceId) => Purge(_ => [instanceId], null);

    /// <summary>Deletes finished instances that match, with what has finished below them. With a timeout the result says whether all are gone.</summary>
    public Task<PurgeResult> PurgeInstanceStateAsync(PurgeInstanceFilter purgeInstanceFilter)
    {
        ArgumentNullException.ThrowIfNull(purgeInstanceFilter);
        return Purge(
            journal => journal.Finished(purgeInstanceFilter.CreatedTimeFrom, purgeInstanceFilter.CreatedTimeTo, null, purgeInstanceFilter.RuntimeStatus),
            purgeInstanceFilter.Timeout);
    }

    /// <summary>Why an id cannot be an instance's; null when it can.</summary>
    private static string? WrongId(string? id) =>
        string.IsNullOrEmpty(id) || id.Length > MaxIdLength ? $"An instance id has 1…{MaxIdLength} characters, not {id?.Length ?? 0}."
        : id.Any(char.IsControl) ? "An instance id must not contain control characters."
        : null;

    private async Task<PurgeResult> Purge(Func<Journal, List<string>> which, TimeSpan? timeout)
    {
        var (deleted, begin) = (0, TimeProvider.System.GetTimestamp());
        foreach (var some in (await Read(which)).Chunk(PurgedAtOnce))
        {
            if (timeout is { } limit && TimeProvider.System.GetElapsedTime(begin) >= limit)
                return new PurgeResult(deleted, false);
            deleted += await _writer.Offer(() => some.Sum(_journal.Purge));
        }

        return new PurgeResult(deleted, timeout is null ? null : true);
    }

    /// <summary>Ends instances, and tells those whose code runs. On the writer thread.</summary>
    private List<Ended> End(IReadOnlyList<string> ids, string? reason, bool isRecursive)
    {
        List<Ended> ended = [];
        foreach (var id in ids)
        {
            if (_journal.Find(id) is not { } state || !Journal.IsUnfinished(state.OrchestrationStatus))
                continue;
            // Code that has not begun, is refused or cannot be run takes no message.
            if (state.OrchestrationStatus != OrchestrationStatus.Pending && state.FailureDetails is null && !IsFailing(id))
                ended.Add(new Ended(id, Tell(id, reason, isRecursive), IsNow: false));
            else
                ended.Add(new Ended(id, EndNow(state, reason), IsNow: true));
        }

        return ended;
    }

    private Pending Tell(string id, string? reason, bool isRecursive)
    {
        var told = Pending.Write(_journal.NextId(), id, new ExecutionTerminatedEvent(-1, reason)) with { IsRecursive = isRecursive };
        _journal.Add(told);
        return told;
    }

    /// <summary>Ends an instance without a turn. Returns what its parent is told.</summary>
    private Pending? EndNow(OrchestrationState state, string? reason)
    {
        var id = state.OrchestrationInstance.InstanceId;
        _journal.End(id, OrchestrationStatus.Terminated, reason, Now);
        Forget(id);
        if (state.ParentInstance is not { } parent)
            return null;
        var told = Pending.Write(_journal.NextId(), new TaskMessage
        {
            OrchestrationInstance = parent.OrchestrationInstance,
            Event = new SubOrchestrationInstanceFailedEvent(-1, parent.TaskScheduleId, reason, null),
        });
        return _journal.Add(told) ? told : null;
    }

    /// <summary>On the writer thread, after the commit.</summary>
    private void Happen(List<Ended> ended)
    {
        foreach (var (id, message, isNow) in ended)
        {
            if (message is not null)
                Deliver(message);
            if (isNow)
                Finished(id);
        }
    }

    /// <summary>An instance that is ended, and the message that goes with it.</summary>
    private sealed record Ended(string Id, Pending? Message, bool IsNow);
}
