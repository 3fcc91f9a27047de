namespace Sana.Jobs.Durable;

/// <summary>How the work is spread: batches or shards in flight, how long rendering one batch may take, and how often it is queued.</summary>
public sealed record Pace(int InFlight = 16, int DeadlineSeconds = 3600, int MaxSends = 3);

/// <summary>Makes again what failed for these reasons; <paramref name="Round"/> counts the retries of a run, from 1.</summary>
public sealed record RetryOrder(IReadOnlyList<string> Reasons, int Round);

/// <summary>Counts of a chunk or of all: images or files that came out, failed, or were never tried.</summary>
public sealed record ItemCounts(long Succeeded, long Failed, long Rejected)
{
    /// <summary>Nothing yet.</summary>
    public static ItemCounts None { get; } = new(0, 0, 0);

    /// <summary>Both together.</summary>
    public ItemCounts Plus(ItemCounts other) => new(Succeeded + other.Succeeded, Failed + other.Failed, Rejected + other.Rejected);
}

/// <summary>What a running instance shows: items done of all, and when it was started, UTC.</summary>
public sealed record RunStatus(string RunId, string Stage, long Done, long Total, long Failed, DateTime Started);

/// <summary>Where an instance stands.</summary>
public enum WorkflowStatus
{
    /// <summary>At work, or waiting for an activity, a timer, an event or its start.</summary>
    Running,

    /// <summary>Held by request; what arrives meanwhile is kept.</summary>
    Suspended,

    /// <summary>Its code changed or is missing in this program. Nothing is lost: it goes on under a program that has the old code.</summary>
    Refused,

    /// <summary>Ended with an output.</summary>
    Completed,

    /// <summary>Ended with an error.</summary>
    Failed,

    /// <summary>Ended because somebody asked for it.</summary>
    Canceled,
}
