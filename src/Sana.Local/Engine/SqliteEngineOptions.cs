using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Sana.Local.Engine;

/// <summary>Where the journal stands and how much runs at once.</summary>
public sealed record SqliteEngineOptions
{
    /// <value>The journal's file; created with its folder when missing. On a local disk: the lease is a file lock.</value>
    public required string Path { get; init; }

    /// <value>Steps that run at once, 1…10,000. Default 32.</value>
    public int MaxParallelSteps
    {
        get;
        init => field = value is >= 1 and <= 10_000
            ? value
            : throw new ArgumentOutOfRangeException(nameof(MaxParallelSteps), value, $"MaxParallelSteps {value} is outside 1…10,000.");
    } = 32;

    /// <value>Finished instances are forgotten after this time, checked each hour. Default 30 days; <see cref="Timeout.InfiniteTimeSpan"/> keeps them.</value>
    public TimeSpan Retention { get; init; } = TimeSpan.FromDays(30);

    /// <value>How long running steps may take to end when the engine is closed; after that they run again at the next start. Default 5 seconds.</value>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(5);

    /// <value>False keeps commits safe from a killed process but may lose the newest ones when the power fails. Default true.</value>
    public bool SurvivePowerLoss { get; init; } = true;

    /// <value>The clock of timers, retries and time stamps. Default the system's.</value>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <value>Where engine and workflows write their log. Default nowhere.</value>
    public ILoggerFactory Logging { get; init; } = NullLoggerFactory.Instance;
}
