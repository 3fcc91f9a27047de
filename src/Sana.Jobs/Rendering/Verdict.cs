namespace Sana.Jobs.Rendering;

/// <summary>What is to be done with a message that was looked at.</summary>
/// <param name="Kind">Remove, return or bury it.</param>
/// <param name="Delay">A returned one is not seen again before.</param>
/// <param name="Reason">Of a buried one, or of the attempt that failed.</param>
/// <param name="Message">One sentence.</param>
public sealed record Verdict(VerdictKind Kind, TimeSpan Delay = default, string? Reason = null, string? Message = null);

/// <summary>The three ends of a delivery.</summary>
public enum VerdictKind
{
    /// <summary>Done, now or before.</summary>
    Complete,

    /// <summary>Not now.</summary>
    Abandon,

    /// <summary>Never.</summary>
    Bury,
}
