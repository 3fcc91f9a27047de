namespace Sana.Local.Engine;

/// <summary>What one row of a history records. The numbers are on disk.</summary>
internal enum RowKind
{
    Step = 1,
    Workflow = 2,
    Timer = 3,
    Event = 4,
    Cancel = 5,
}

/// <summary>Something that an instance has seen: the end of one of its calls, or something from outside.</summary>
/// <param name="Kind">What it records.</param>
/// <param name="Call">The call that ended, counted from 0 in the order in which the workflow made them; <see cref="Outside"/> for an event or a cancel.</param>
/// <param name="Name">Step, workflow or event.</param>
/// <param name="Hash">Of the call's input.</param>
/// <param name="At">When, UTC.</param>
/// <param name="Attempts">How often the step was tried.</param>
/// <param name="Value">The result or payload as JSON; the message when it failed; the reason of a cancel.</param>
/// <param name="ErrorType">Null when it succeeded.</param>
internal sealed record HistoryRow(RowKind Kind, int Call, string Name, long Hash, DateTime At, int Attempts, string? Value, string? ErrorType)
{
    /// <summary>Stands for the call where a row comes from outside.</summary>
    public const int Outside = -1;

    /// <summary>Place in the instance's history; given by the journal.</summary>
    public long Seq { get; init; }
}
