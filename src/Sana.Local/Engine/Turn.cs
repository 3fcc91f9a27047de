namespace Sana.Local.Engine;

/// <summary>How a run of an instance ended.</summary>
internal enum Ending
{
    Completed,
    Failed,
    Canceled,
    ContinuedAsNew,

    /// <summary>The code does not fit the history: the run has not ended, but cannot go on here.</summary>
    Refused,
}

/// <summary>The end of a run.</summary>
/// <param name="How">How it ended.</param>
/// <param name="Value">Output or next input as JSON, or the error's message.</param>
/// <param name="ErrorType">Null unless it ended with an error.</param>
internal sealed record Outcome(Ending How, string Value, string? ErrorType = null)
{
    /// <summary>After a continue-as-new, what the next run gets: rows from outside that are newer than the last seen one, and events that were kept.</summary>
    public (long LastSeen, long[] Kept)? Unseen { get; init; }
}

/// <summary>What a workflow decided when it was handed some rows.</summary>
/// <param name="Calls">New calls that these rows did not end.</param>
/// <param name="Dropped">Earlier calls that nobody waits for any more.</param>
/// <param name="Status">The custom status as JSON when it was set anew.</param>
/// <param name="Outcome">Null while the run goes on.</param>
internal sealed record Turn(IReadOnlyList<Call> Calls, IReadOnlyList<Call> Dropped, string? Status, Outcome? Outcome);
