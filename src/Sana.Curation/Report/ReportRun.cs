using Sana.Curation.Captioning;
using Sana.Curation.Selection;
using Sana.Inference.Clip;

namespace Sana.Curation.Report;

/// <summary>What a report says of the run beside its rows: all of it follows from inputs and configuration.</summary>
public sealed record ReportRun
{
    /// <value>The dataset's name.</value>
    public required string Dataset { get; init; }

    /// <value>The version that the run wrote.</value>
    public required string Version { get; init; }

    /// <value>Where the images came from.</value>
    public required string Source { get; init; }

    /// <value>The version that this one adds to; null for the first.</value>
    public string? ParentVersion { get; init; }

    /// <value>Name and version of the program.</value>
    public required string ToolVersion { get; init; }

    /// <value>SHA-256 of the canonical configuration; null when nobody said.</value>
    public string? ConfigSha256 { get; init; }

    /// <value>The captioners in the configuration's order. One that a row names and this does not is shown after them.</value>
    public IReadOnlyList<CaptionerCard> Captioners { get; init; } = [];

    /// <value>Name of the checkpoint behind the scores; null when nothing was scored.</value>
    public string? Scorer { get; init; }

    /// <value>Names of further checkpoints, whose scores chose nothing. Default none.</value>
    public IReadOnlyList<string> OtherScorers { get; init; } = [];

    /// <value>The family of that checkpoint, which the scale of scores belongs to. Default CLIP.</value>
    public ScorerFamily ScorerFamily { get; init; } = ScorerFamily.Clip;

    /// <value>The score at which the scorer gives an even chance that image and text belong together; null where it gives none, as CLIP.</value>
    public double? EvenScore { get; init; }

    /// <value>The rule that chose; null when nothing was chosen.</value>
    public SelectionOptions? Selection { get; init; }

    /// <value>Who judged images. Default nobody.</value>
    public IReadOnlyList<JudgeCard> Judges { get; init; } = [];

    /// <value>Rules for images and captions in words: a name and its limit, such as <c>shortest side</c> and <c>at least 200 px</c>.</value>
    public IReadOnlyList<ReportFact> Filters { get; init; } = [];

    /// <value>What prices are counted in. Default USD.</value>
    public string Currency { get; init; } = "USD";
}

/// <summary>One line of a table.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Value">Its value in words.</param>
public sealed record ReportFact(string Name, string Value);

/// <summary>Times of a run: the one part of a report that differs between two runs over the same inputs.</summary>
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
