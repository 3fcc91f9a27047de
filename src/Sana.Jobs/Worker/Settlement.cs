namespace Sana.Jobs.Worker;

/// <summary>What is to be done with a message that was looked at.</summary>
/// <param name="Kind">Complete, abandon or dead-letter it.</param>
/// <param name="Delay">A returned one is not seen again before.</param>
/// <param name="Reason">Of a dead letter, or of the attempt that failed.</param>
/// <param name="Message">One sentence.</param>
public sealed record Settlement(SettlementKind Kind, TimeSpan Delay = default, string? Reason = null, string? Message = null);

/// <summary>The three ends of a delivery.</summary>
public enum SettlementKind
{
    /// <summary>Done, now or before.</summary>
    Complete,

    /// <summary>Not now.</summary>
    Abandon,

    /// <summary>Never.</summary>
    DeadLetter,
}
