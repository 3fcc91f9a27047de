namespace Sana.Curation.Selection;

/// <summary>
/// Weights of captions under each rule, the heaviest near 1: computed in log space relative to the best score, so no τ overflows. Scores are finite and 0 or
/// more.
/// </summary>
internal static class SelectionWeights
{
    /// <summary>score^(1/τ). A score of 0 has no weight unless it is the best there is.</summary>
    public static double[] Power(double[] scores, double threshold, double tau)
    {
        var best = scores.Max();
        return Passing(scores, threshold, score => score == best ? 1 : Math.Exp((Math.Log(score) - Math.Log(best)) / tau));
    }

    /// <summary>exp(score/τ); τ = 0 is its limit, the best.</summary>
    public static double[] Softmax(double[] scores, double threshold, double tau)
    {
        var best = scores.Max();
        return Passing(scores, threshold, score => score == best ? 1 : Math.Exp((score - best) / tau));
    }

    /// <summary>1 for each of the k best that pass.</summary>
    public static double[] TopK(double[] scores, double threshold, int k)
    {
        var kept = scores.Select((score, i) => (score, i)).OrderByDescending(pair => pair.score).Take(k).Select(pair => pair.i).ToHashSet();
        var weights = Passing(scores, threshold, _ => 1);
        for (var i = 0; i < weights.Length; i++)
            weights[i] = kept.Contains(i) ? weights[i] : 0;
        return weights;
    }

    /// <summary>1 for the first with the best score.</summary>
    public static double[] Best(double[] scores) => One(scores.Length, Array.IndexOf(scores, scores.Max()));

    /// <summary>Labels' own weights; the original, or all alike, when no label that is there has one.</summary>
    public static double[] Proportion(ScoredCaption[] captions, IReadOnlyDictionary<string, double> proportions)
    {
        var weights = Array.ConvertAll(captions, caption => proportions.GetValueOrDefault(caption.Label));
        return weights.Any(weight => weight > 0) ? weights : Unscored(captions);
    }

    /// <summary>Nothing to go by: the original, as in Sana's code; where there is none, all alike.</summary>
    public static double[] Unscored(ScoredCaption[] captions)
    {
        var original = Array.FindIndex(captions, caption => caption.Label == Candidate.OriginalLabel);
        return original >= 0 ? One(captions.Length, original) : Array.ConvertAll(captions, _ => 1.0);
    }

    private static double[] Passing(double[] scores, double threshold, Func<double, double> weight)
    {
        // The best passes whenever any does, so a weight of exactly 1 is always among them.
        if (scores.Max() < threshold)
            return Best(scores);
        return Array.ConvertAll(scores, score => score >= threshold ? weight(score) : 0);
    }

    private static double[] One(int length, int index)
    {
        var weights = new double[length];
        weights[index] = 1;
        return weights;
    }
}
