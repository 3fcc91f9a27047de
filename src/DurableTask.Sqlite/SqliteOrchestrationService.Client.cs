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
    public Task CreateTaskOrchestrationAsync(TaskMessage creationMessage, OrchestrationStatus[] dedupeStatuses)
    {
        ArgumentNullException.ThrowIfNull(creationMessage);
        if (creationMessage.Event is not ExecutionStartedEvent started)
            throw new ArgumentException($"An instance begins with an ExecutionStartedEvent, not with a {creationMessage.Event?.GetType().Name}.", nameof(creationMessage));
        var id = started.OrchestrationInstance.InstanceId;
        if (string.IsNullOrEmpty(id) || id.Length > MaxIdLength)
            throw new ArgumentException($"An instance id has 1…{MaxIdLength} characters, not {id?.Length ?? 0}.", nameof(creationMessage));
        if (id.Any(char.IsControl))
            throw new ArgumentException("An instance id must not contain control characters.", nameof(creationMessage));
        var pending = new Pending(_journal.NextId(), started.ScheduledStartTime, creationMessage);
        return _writer.Ask(
            () =>
            {
                long key;
                if (_journal.Find(id) is { } there)
                {
                    if ((dedupeStatuses ?? (IReadOnlyCollection<OrchestrationStatus>)_settings.DefaultDedupeStatuses).Contains(there.OrchestrationStatus))
                        throw new OrchestrationAlreadyExistsException($"An instance with the id {id} exists and is {there.OrchestrationStatus}.");
                    key = Replace(started);
                }
                else
                {
                    key = _journal.Add(started, Now);
                }

                _journal.Add(pending);
                return pending with { NewInstance = key };
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
        var sent = await _writer.Ask(
            () => messages.Select(message => new Pending(_journal.NextId(), null, message)).Where(_journal.Add).ToList(),
            sent => sent.ForEach(Deliver));
        return sent.Count;
    }

    /// <summary>Waits until the instance has finished.</summary>
    /// <returns>Its state; null when there is no such instance or the time has passed.</returns>
    /// <exception cref="OrchestrationRefusedException">This program has not the code with which the instance was begun.</exception>
    /// <exception cref="JournalException">The service was closed meanwhile.</exception>
    public async Task<OrchestrationState> WaitForOrchestrationAsync(string instanceId, string executionId, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var waiter = new TaskCompletionSource<OrchestrationState>(TaskCreationOptions.RunContinuationsAsynchronously);
        var found = await _writer.Ask(() => _journal.Find(instanceId), found =>
        {
            if (found is null)
                waiter.SetResult(null!);
            else if (found.FailureDetails is { } failure && failure.ErrorType == typeof(OrchestrationRefusedException).FullName)
                waiter.SetException(new OrchestrationRefusedException(failure.ErrorMessage));
            else if (!Journal.IsUnfinished(found.OrchestrationStatus))
                waiter.SetResult(found);
            else if (!_waiters.TryAdd(instanceId, [waiter]))
                _waiters[instanceId].Add(waiter);
        });
        try
        {
            return await waiter.Task.WaitAsync(timeout > TimeSpan.FromDays(40) ? Timeout.InfiniteTimeSpan : timeout, cancellationToken);
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

    /// <summary>Ends an instance, and with <paramref name="recursive"/> everything below it. Its code hears nothing of it. Returns how many were ended.</summary>
    public async Task<int> TerminateAsync(string instanceId, string? reason, bool recursive)
    {
        var ended = await _writer.Ask(
            () =>
            {
                List<(string Id, Pending? Message)> ended = [];
                foreach (var id in recursive ? _journal.FamilyOf(instanceId) : [instanceId])
                {
                    if (_journal.Find(id) is not { } state || !Journal.IsUnfinished(state.OrchestrationStatus))
                        continue;
                    var runs = state.OrchestrationStatus != OrchestrationStatus.Pending && state.FailureDetails is null;
                    ended.Add((id, runs ? Send(id, new ExecutionTerminatedEvent(-1, reason)) : EndWithoutTurn(state, reason)));
                    if (!runs)
                        Forget(id);
                }

                return ended;
            },
            ended =>
            {
                foreach (var (id, message) in ended)
                {
                    if (message is not null)
                        Deliver(message);
                    if (message?.Message.Event is not ExecutionTerminatedEvent)
                        Finished(id);
                }
            });
        return ended.Count;
    }

    /// <summary>Lets a failed instance run its failed activities and children again.</summary>
    /// <exception cref="InvalidOperationException">It does not exist or has not failed.</exception>
    public async Task RewindTaskOrchestrationAsync(string instanceId, string? reason)
    {
        await _writer.Ask(
            () => _journal.Find(instanceId) is { OrchestrationStatus: OrchestrationStatus.Failed }
                ? Send(instanceId, new ExecutionRewoundEvent(-1, reason))
                : throw new InvalidOperationException($"Only a failed instance can be rewound; {instanceId} {(_journal.Find(instanceId) is { } found ? $"is {found.OrchestrationStatus}" : "does not exist")}."),
            Deliver!);
    }

    /// <inheritdoc/>
    public async Task<IList<OrchestrationState>> GetOrchestrationStateAsync(string instanceId, bool allExecutions) =>
        await _writer.Ask(() => _journal.Find(instanceId)) is { } found ? [found] : [];

    /// <inheritdoc/>
    public async Task<OrchestrationState> GetOrchestrationStateAsync(string instanceId, string executionId) => (await _writer.Ask(() => _journal.Find(instanceId)))!;

    /// <summary>The events of the present execution, as JSON.</summary>
    public async Task<string> GetOrchestrationHistoryAsync(string instanceId, string executionId) =>
        JsonConvert.SerializeObject(await _writer.Ask(() => _journal.History(instanceId).ToList()));

    /// <inheritdoc/>
    public Task<OrchestrationQueryResult> GetOrchestrationWithQueryAsync(OrchestrationQuery query, CancellationToken cancellationToken) => QueryAsync(query, topOnly: false);

    /// <summary>A page of instances, the newest first; with <paramref name="topOnly"/> only those that no other instance began.</summary>
    public Task<OrchestrationQueryResult> QueryAsync(OrchestrationQuery query, bool topOnly) => _writer.Ask(() => _journal.Query(query, topOnly));

    /// <summary>Deletes finished instances, with their children, that match; running ones stay.</summary>
    public Task PurgeOrchestrationHistoryAsync(DateTime thresholdDateTimeUtc, OrchestrationStateTimeRangeFilterType timeRangeFilterType) => _writer.Ask(() => Purge(
        timeRangeFilterType == OrchestrationStateTimeRangeFilterType.OrchestrationCreatedTimeFilter
            ? _journal.Finished(null, thresholdDateTimeUtc, null, null)
            : _journal.Finished(null, null, thresholdDateTimeUtc, null),
        Timeout.InfiniteTimeSpan));

    /// <summary>Deletes a finished instance and its children.</summary>
    public Task<PurgeResult> PurgeInstanceStateAsync(string instanceId) => _writer.Ask(() =>
        _journal.Find(instanceId) is { } found && !Journal.IsUnfinished(found.OrchestrationStatus)
            ? Purge([instanceId], Timeout.InfiniteTimeSpan)
            : new PurgeResult(0, true));

    /// <inheritdoc/>
    public Task<PurgeResult> PurgeInstanceStateAsync(PurgeInstanceFilter purgeInstanceFilter) => _writer.Ask(() => Purge(
        _journal.Finished(purgeInstanceFilter.CreatedTimeFrom, purgeInstanceFilter.CreatedTimeTo, null, purgeInstanceFilter.RuntimeStatus),
        purgeInstanceFilter.Timeout ?? Timeout.InfiniteTimeSpan));

    private PurgeResult Purge(List<string> ids, TimeSpan timeout)
    {
        var (deleted, begin) = (0, TimeProvider.System.GetTimestamp());
        foreach (var id in ids)
        {
            if (timeout != Timeout.InfiniteTimeSpan && TimeProvider.System.GetElapsedTime(begin) > timeout)
                return new PurgeResult(deleted, false);
            deleted += _journal.Purge(id);
        }

        return new PurgeResult(deleted, true);
    }

    /// <summary>On the writer thread. Null when the instance takes no message.</summary>
    private Pending? Send(string id, HistoryEvent what)
    {
        var pending = new Pending(_journal.NextId(), null, new TaskMessage { OrchestrationInstance = new OrchestrationInstance { InstanceId = id }, Event = what });
        return _journal.Add(pending) ? pending : null;
    }

    /// <summary>Ends an instance whose code cannot run: it has not begun, or is refused. Returns what its parent is told.</summary>
    private Pending? EndWithoutTurn(OrchestrationState state, string? reason)
    {
        _journal.End(state.OrchestrationInstance.InstanceId, OrchestrationStatus.Terminated, reason, Now);
        if (state.ParentInstance is not { } parent)
            return null;
        var told = new Pending(_journal.NextId(), null, new TaskMessage
        {
            OrchestrationInstance = parent.OrchestrationInstance,
            Event = new SubOrchestrationInstanceFailedEvent(-1, parent.TaskScheduleId, reason, null),
        });
        return _journal.Add(told) ? told : null;
    }
}
