using DurableTask.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DurableTask.Sqlite;

/// <summary>Where the journal is and how much runs at once.</summary>
public sealed record SqliteOrchestrationServiceSettings
{
    /// <summary>As <see cref="Path"/>: a journal in memory that ends with the process.</summary>
    public const string InMemory = ":memory:";

    /// <value>The journal's file, created with its folder when it is missing; it must be on a local disk, because the lease is a file lock. Or <see cref="InMemory"/>.</value>
    public required string Path { get; init; }

    /// <value>Activities that run at once, 0…10,000. Default 32. With 0 the orchestrations go on and their activities wait for the next process.</value>
    public int MaxConcurrentActivities
    {
        get;
        init => field = Within(value, 10_000, nameof(MaxConcurrentActivities), least: 0);
    } = 32;

    /// <value>Orchestrations that run at once, 1…10,000. One that waits does not run. Default 256.</value>
    public int MaxConcurrentOrchestrations
    {
        get;
        init => field = Within(value, 10_000, nameof(MaxConcurrentOrchestrations));
    } = 256;

    /// <value>Waiting orchestrations that are kept in memory, 1…1,000,000, so that their next event replays nothing. The least recently used above that number are replayed. Default 2,048.</value>
    public int MaxInstancesInMemory
    {
        get;
        init => field = Within(value, 1_000_000, nameof(MaxInstancesInMemory));
    } = 2_048;

    /// <value>Finished instances are purged after this time, checked each hour. Default 30 days; <see cref="Timeout.InfiniteTimeSpan"/> keeps them.</value>
    public TimeSpan Retention { get; init; } = TimeSpan.FromDays(30);

    /// <value>True flushes each commit to the disk. False keeps commits safe from a killed process but may lose the newest ones when the power fails. Default true.</value>
    public bool SurvivePowerLoss { get; init; } = true;

    /// <value>Looks for damage before the journal is opened, which reads the whole file: a second for some hundred megabytes. Default true.</value>
    public bool ChecksJournal { get; init; } = true;

    /// <value>Statuses in which an existing instance of the same id refuses a new one, where the caller names none. Default Pending, Running and Suspended; empty replaces any instance.</value>
    public IReadOnlyList<OrchestrationStatus> DefaultDedupeStatuses { get; init; } = [OrchestrationStatus.Pending, OrchestrationStatus.Running, OrchestrationStatus.Suspended];

    /// <value>The clock of timers, scheduled starts, retention and time stamps. Default the system's.</value>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <value>Where the service writes its log. Default nowhere.</value>
    public ILoggerFactory LoggerFactory { get; init; } = NullLoggerFactory.Instance;

    private static int Within(int value, int most, string name, int least = 1) =>
        value >= least && value <= most ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} {value} is outside {least}…{most}.");
}
