using Sana.Inference.Diffusion;
using Sana.Jobs.Durable;
using Sana.Jobs.Queue;
using Sana.Jobs.Telemetry;
using Sana.Jobs.Worker;

namespace Sana.Local.Serve;

/// <summary>What the status page shows, at one moment.</summary>
internal sealed record StatusView
{
    public required string? Model { get; init; }

    public required string Device { get; init; }

    public required string Place { get; init; }

    public required DateTime Now { get; init; }

    public required WorkerState? Worker { get; init; }

    public required GenerateProgress? Current { get; init; }

    public required QueueCounts Queue { get; init; }

    public required bool IsQueueReachable { get; init; }

    public required int MaxQueued { get; init; }

    public required IReadOnlyList<int> PerMinute { get; init; }

    public required IReadOnlyList<RecentImage> Images { get; init; }

    public required IReadOnlyList<WorkflowInstance> Runs { get; init; }

    /// <summary>Images of a run that were settled since the start: a run itself reports after each chunk of its plan only.</summary>
    public required Func<string, long> Settled { get; init; }

    public required IReadOnlyList<WorkflowInstance> Schedules { get; init; }

    public required IReadOnlyDictionary<string, long> Failures { get; init; }
}
