using Sana.Curation.Selection;
using Sana.Inference.Clip;
using Sana.Storage;
using static System.FormattableString;

namespace Sana.Curation.Report;

/// <summary>Why a caption was chosen, in words.</summary>
internal static class ChoiceText
{
    public static string Chosen(IndexRow row, SelectionOptions? options)
    {
        if (row.CaptionLabel is null)
            return row.ErrorMessage ?? "Nothing was chosen.";
        var usable = row.Candidates.Where(candidate => candidate.IsUsable()).ToList();
        var method = row.SelectionMethod ?? options?.Rule.Name();
        if (usable.Count == 1)
            return "Taken as the only usable caption.";
        if (method == SelectionRule.Proportion.Name())
            return $"{Drawn(row)} by the weights of the labels, among {Invariant($"{usable.Count}")} usable captions.";

        var scored = usable.Where(candidate => CaptionSelector.Weighed(candidate.Score) is not null).ToList();
        if (scored.Count == 0)
            return row.CaptionLabel == Candidate.OriginalLabel ? "The original was taken, since no caption has a score." : $"{Drawn(row)}, all alike, since no caption has a score.";
        if (method == SelectionRule.Max.Name())
            return Invariant($"Taken as the best score of {scored.Count}.");

        var threshold = options?.Threshold ?? 0;
        return scored.Count(candidate => candidate.Score >= threshold) switch
        {
            0 => scored.Count == 1 ? Invariant($"Taken as the only one with a score, though below {threshold:0.##}.") : Invariant($"Taken as the best: none of {scored.Count} reaches {threshold:0.##}."),
            1 when threshold > 0 => Invariant($"Taken as the only one of {usable.Count} at or above {threshold:0.##}."),
            1 => "Taken as the only one with a score.",
            var reach => $"{Drawn(row)} {Rule(method, options)}, among {(threshold > 0 ? Invariant($"{reach} of {usable.Count} at or above {threshold:0.##}") : Counted.Of(reach, "caption"))}.",
        };
    }

    /// <summary>A sentence when the scores of cut texts and of whole texts put the captions in different order; null when they agree.</summary>
    public static string? Disagreement(IndexRow row, ScorerFamily family = ScorerFamily.Clip)
    {
        var both = row.Candidates.Where(candidate => candidate.IsUsable() && CaptionSelector.Weighed(candidate.Score) is not null && CaptionSelector.Weighed(candidate.WindowScore) is not null).ToList();
        if (!both.Any(a => both.Any(b => a.Score > b.Score && a.WindowScore < b.WindowScore)))
            return null;
        var (cut, whole) = (both.MaxBy(candidate => candidate.Score)!, both.MaxBy(candidate => candidate.WindowScore)!);
        return cut.Label == whole.Label
            ? "Scores of the cut and of the whole texts put the captions in different order, below the same best one."
            : $"{family.Title()} sees only the beginning of long texts: by its score {cut.Label} is best, by the score over the whole text {whole.Label}.";
    }

    /// <summary><c>= 0.42</c>: two digits, and never a false 0 or 1.</summary>
    public static string Probability(double prob) => prob switch
    {
        0 or 1 => Invariant($"= {prob:0}"),
        > 0 and < 0.005 => "< 0.01",
        < 1 and >= 0.995 => "> 0.99",
        _ => Invariant($"= {prob:0.00}"),
    };

    private static string Drawn(IndexRow row) => row.SelectionProb is { } prob && double.IsFinite(prob) ? $"Drawn with p {Probability(prob)}" : "Drawn";

    private static string Rule(string? method, SelectionOptions? options) => (method, options) switch
    {
        ("power", { } rule) => Invariant($"by the power rule, tau {rule.Tau:0.####}"),
        ("softmax", { } rule) => Invariant($"by softmax, tau {rule.Tau:0.####}"),
        ("top-k", { } rule) => Invariant($"from the best {rule.K}"),
        (null, _) => "by an unnamed rule",
        _ => $"by {method}",
    };
}
