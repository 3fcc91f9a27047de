using System.Globalization;
using Sana.Curation.Shards;

namespace Sana.Curation.Report;

/// <summary>Why a caption was chosen, in words.</summary>
internal static class Why
{
    public static string Chosen(IndexRow row, ReportSelection? rule)
    {
        if (row.CaptionLabel is null)
            return row.ErrorMessage ?? "Nothing was chosen.";
        var usable = row.Candidates.Where(candidate => candidate.Reason is null).ToList();
        var scored = usable.Where(candidate => candidate.Score is { } score && double.IsFinite(score)).ToList();
        if (scored.Count == 0)
            return "Taken without a score: no caption of this image has one.";
        var threshold = rule?.Threshold;
        var reach = scored.Count(candidate => threshold is null || candidate.Score >= threshold);
        if (reach == 0)
            return scored.Count == 1 ? Say($"Taken as the only one with a score, though below {threshold:0.##}.") : Say($"Taken as the best: none of the {scored.Count} reaches {threshold:0.##}.");
        if (reach == 1)
            return usable.Count == 1 ? "Taken as the only usable caption." : threshold is null ? "Taken as the only one with a score." : Say($"Taken as the only one of {usable.Count} at or above {threshold:0.##}.");
        var among = threshold is null ? Say($"among {reach} usable captions") : Say($"among {reach} of {usable.Count} at or above {threshold:0.##}");
        var tau = rule?.Tau is { } heat ? Say($", tau {heat:0.####}") : "";
        return (row.SelectionMethod ?? rule?.Method) switch
        {
            "max" => $"Taken as the best score {among}.",
            "power" => $"{Drawn(row)} by the power rule{tau}, {among}.",
            "softmax" => $"{Drawn(row)} by softmax{tau}, {among}.",
            "top-k" => $"{Drawn(row)} from the best by score, {among}.",
            "proportion" => $"{Drawn(row)} by its captioner's share, {among}.",
            var other => $"{Drawn(row)} by {other ?? "an unnamed rule"}{tau}, {among}.",
        };
    }

    /// <summary>A sentence when the scores of cut texts and of whole texts put the captions in different order; null when they agree.</summary>
    public static string? Disagreement(IndexRow row)
    {
        var both = row.Candidates.Where(candidate => candidate is { Reason: null, Score: { } score, WindowScore: { } window } && double.IsFinite(score) && double.IsFinite(window)).ToList();
        if (!both.Any(a => both.Any(b => a.Score > b.Score && a.WindowScore < b.WindowScore)))
            return null;
        var (cut, whole) = (both.MaxBy(candidate => candidate.Score)!, both.MaxBy(candidate => candidate.WindowScore)!);
        return cut.Label == whole.Label
            ? "Scores of the cut and of the whole texts put the captions in different order, below the same best one."
            : $"CLIP sees only the beginning of long texts: by its score {cut.Label} is best, by the score over the whole text {whole.Label}.";
    }

    private static string Drawn(IndexRow row) => row.SelectionProb is { } prob && double.IsFinite(prob) ? $"Drawn with p {Probability(prob)}" : "Drawn";

    /// <summary><c>= 0.42</c>: two digits, and never a false 0 or 1.</summary>
    public static string Probability(double prob) => prob switch
    {
        > 0 and < 0.005 => "< 0.01",
        < 1 and >= 0.995 => "> 0.99",
        _ => Say($"= {prob:0.00}"),
    };

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
