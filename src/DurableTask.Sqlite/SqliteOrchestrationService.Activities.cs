using System.Collections.Concurrent;
using System.Globalization;
using DurableTask.Core;
using DurableTask.Core.History;

namespace DurableTask.Sqlite;

// What the dispatcher of activities asks.
public sealed partial class SqliteOrchestrationService
{
    // Activities that wait or run. One that is not here any more was recorded, or its instance has ended: it is not run, and its result is not taken.
    private readonly ConcurrentDictionary<long, PendingActivity> _open = [];

    /// <inheritdoc/>
    public int TaskActivityDispatcherCount => _settings.MaxConcurrentActivities > 0 ? 1 : 0;

    /// <inheritdoc/>
    public int MaxConcurrentTaskActivityWorkItems => _settings.MaxConcurrentActivities;

    /// <inheritdoc/>
    public async Task<TaskActivityWorkItem> LockNextTaskActivityWorkItem(TimeSpan receiveTimeout, CancellationToken cancellationToken)
    {
        while (await Take(_activities, receiveTimeout, cancellationToken) is { } activity)
        {
            // Another object of the same key is the same activity after another start of the service.
            if (_present is not null && _open.TryGetValue(activity.Id, out var open) && ReferenceEquals(open, activity))
                return new ActivityItem(activity);
        }

        return null!;
    }

    /// <inheritdoc/>
    public Task<TaskActivityWorkItem> RenewTaskActivityWorkItemLockAsync(TaskActivityWorkItem workItem) => Task.FromResult(workItem);

    /// <inheritdoc/>
    public Task CompleteTaskActivityWorkItemAsync(TaskActivityWorkItem workItem, TaskMessage responseMessage)
    {
        var activity = ((ActivityItem)workItem).Activity;
        if (!_open.TryRemove(activity.Id, out _))
            return Task.CompletedTask;
        var (result, present, isRecorded) = (Pending.Write(_journal.NextId(), responseMessage), _present, false);
        _writer.Post(
            () => isRecorded = _journal.DropActivity(activity.Id) && _journal.Add(result),
            () =>
            {
                result.Json = null;
                _open.TryRemove(activity.Id, out _);
                // The service was started again meanwhile, or for the first time: the result was not delivered below.
                if (isRecorded && (present is null || present != _present))
                    Deliver(result);
            },
            canWait: true);
        // Before it is on the disk: it is written with the turn that it causes, in one transaction, and until then it has caused nothing.
        present?.Add(result);
        return Task.CompletedTask;
    }

    /// <summary>The activity could not be run: it comes again, each time later, up to a minute.</summary>
    public Task AbandonTaskActivityWorkItemAsync(TaskActivityWorkItem workItem)
    {
        var before = ((ActivityItem)workItem).Activity;
        var again = before with { Failures = before.Failures + 1 };
        if (!_open.TryUpdate(again.Id, again, before))
            return Task.CompletedTask;
        var wait = Backoff(again.Failures);
        _log.Abandoned(workItem.TaskMessage.OrchestrationInstance.InstanceId, wait);
        _timers.Add(Now + wait, () => _activities.Writer.TryWrite(again));
        return Task.CompletedTask;
    }

    /// <summary>An activity has the tags of its instance too; its own prevail.</summary>
    private PendingActivity Activity(TaskMessage message)
    {
        if (message is { Event: TaskScheduledEvent scheduled, OrchestrationExecutionContext.OrchestrationTags: { Count: > 0 } inherited })
        {
            var tags = new Dictionary<string, string>(inherited);
            foreach (var (key, value) in scheduled.Tags ?? new Dictionary<string, string>())
                tags[key] = value;
            scheduled.Tags = tags;
        }

        return new PendingActivity(_journal.NextId(), message) { Json = EventJson.Write(message) };
    }

    /// <summary>On the writer thread, after the commit.</summary>
    private void HandOut(PendingActivity activity)
    {
        activity.Json = null;
        _open[activity.Id] = activity;
        _activities.Writer.TryWrite(activity);
    }

    private sealed class ActivityItem : TaskActivityWorkItem
    {
        public ActivityItem(PendingActivity activity)
        {
            Activity = activity;
            Id = activity.Id.ToString(CultureInfo.InvariantCulture);
            TaskMessage = activity.Message;
            LockedUntilUtc = DateTime.MaxValue;
        }

        public PendingActivity Activity { get; }
    }
}
