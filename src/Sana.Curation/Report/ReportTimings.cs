namespace Sana.Curation.Report;

/// <summary>What the clock said: the one part of a report that differs between two runs over the same inputs.</summary>
public sealed record ReportTimings
{
    /// <value>When the run ended; null leaves the line out.</value>
    public DateTimeOffset? Finished { get; init; }

    /// <value>From the first to the last step.</value>
    public required TimeSpan Elapsed { get; init; }

    /// <value>Images that this run went through; those of earlier runs do not count.</value>
    public required long Images { get; init; }

    /// <value>Captions that this run asked for; cached ones do not count.</value>
    public required long Captions { get; init; }

    /// <value>Stages in the order of the flow.</value>
    public IReadOnlyList<StageTime> Stages { get; init; } = [];
}

/// <summary>Time in one stage.</summary>
/// <param name="Name">ingest, caption, score, select, write.</param>
/// <param name="Busy">Summed over everything that worked at once, so stages may add up to more than the run took.</param>
/// <param name="Items">What went through it.</param>
public sealed record StageTime(string Name, TimeSpan Busy, long Items);
