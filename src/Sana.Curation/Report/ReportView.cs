using Sana.Curation.Selection;
using Sana.Curation.Shards;

namespace Sana.Curation.Report;

/// <summary>All that the page is drawn from.</summary>
internal sealed record ReportView(
    ReportOptions Options,
    ReportRun Run,
    Totals Totals,
    ReportTimings? Timings,
    EvenSample Gallery,
    SortedDictionary<(string Status, string Reason), EvenSample> Removed,
    Dictionary<string, IndexRow> Firsts)
{
    /// <summary>The score from which captions are drawn; null where the rule has none.</summary>
    public double? Threshold { get; } = ThresholdOf(Run.Selection);

    public ScoreScale Scale { get; } = ScoreScale.Of(Totals.Captioners.Values.Select(tally => tally.Scores), ThresholdOf(Run.Selection));

    /// <summary>The original first, then captioners as configured, then those that only rows know.</summary>
    public IReadOnlyList<CaptionerTally> Captioners { get; } =
        [.. Totals.Captioners.Values.OrderBy(tally => tally.IsOriginal ? -1 : Place(Run, tally.Label)).ThenBy(tally => tally.Label, StringComparer.Ordinal)];

    private static int Place(ReportRun run, string label) => run.Captioners.TakeWhile(card => card.Label != label).Count();

    private static double? ThresholdOf(SelectionOptions? options) =>
        options is { Rule: SelectionRule.Power or SelectionRule.Softmax or SelectionRule.TopK, Threshold: > 0 } ? options.Threshold : null;
}
