using DurableTask.Core;
using DurableTask.Core.History;

namespace DurableTask.Sqlite;

/// <summary>A message that waits for an instance.</summary>
/// <param name="Id">Its key in the journal.</param>
/// <param name="Message">What is delivered.</param>
internal sealed record Pending(long Id, TaskMessage Message)
{
    /// <summary>UTC; null for at once.</summary>
    public DateTime? Due
    {
        get;
        init => field = value is { Kind: DateTimeKind.Local } local ? local.ToUniversalTime() : value;
    }

    /// <summary>A termination that reaches everything below the instance.</summary>
    public bool IsRecursive { get; init; }

    /// <summary>Of the start of an instance that was written a moment ago: its key, so that nothing is read for its first turn.</summary>
    public long? NewInstance { get; init; }

    public string InstanceId => Message.OrchestrationInstance.InstanceId;

    /// <summary>The message as it is written. It is made before the writer thread has it, which is the narrow place, and is null once it is on the disk.</summary>
    public string? Json { get; set; }

    public static Pending Write(long id, TaskMessage message, DateTime? due = null) => new(id, message) { Due = due, Json = EventJson.Write(message) };

    public static Pending Write(long id, string instanceId, HistoryEvent what) =>
        Write(id, new TaskMessage { OrchestrationInstance = new OrchestrationInstance { InstanceId = instanceId }, Event = what });
}

/// <summary>An activity that is to run.</summary>
internal sealed record PendingActivity(long Id, TaskMessage Message)
{
    /// <summary>How often it could not be run, one after the other.</summary>
    public int Failures { get; init; }

    /// <inheritdoc cref="Pending.Json"/>
    public string? Json { get; set; }
}

/// <summary>An instance with the history of its present execution.</summary>
internal sealed record Recorded(long Key, OrchestrationStatus Status, string? CustomStatus, List<HistoryEvent> History);

/// <summary>What a turn of an orchestration decided.</summary>
/// <param name="Key">The instance.</param>
/// <param name="State">How it stands now.</param>
/// <param name="IsNewExecution">The history begins anew: the first turn, continue-as-new, rewind.</param>
/// <param name="Events">What the turn added to the history.</param>
/// <param name="Consumed">Messages that the turn took.</param>
/// <param name="Messages">To instances, timers among them.</param>
/// <param name="Activities">To be run.</param>
internal sealed record Turn(
    long Key, OrchestrationState State, bool IsNewExecution, IList<HistoryEvent> Events, IReadOnlyList<Pending> Consumed,
    IReadOnlyList<Pending> Messages, IReadOnlyList<PendingActivity> Activities)
{
    public string InstanceId => State.OrchestrationInstance.InstanceId;

    public bool IsFinished { get; } = !Journal.IsUnfinished(State.OrchestrationStatus);

    public bool IsRewind { get; } = IsNewExecution && Events.Any(added => added is ExecutionRewoundEvent);

    /// <summary>The events as they are written.</summary>
    public string History { get; } = EventJson.Write(Events);

    public string? Failure { get; } = State.FailureDetails is { } failure ? EventJson.Write(failure) : null;

    /// <summary>How a child was begun.</summary>
    public SubOrchestrationInstanceCreatedEvent? Created(string child) => Events.OfType<SubOrchestrationInstanceCreatedEvent>().LastOrDefault(created => created.InstanceId == child);
}
