using Sana.Curation.Shards;

namespace Sana.Curation.Selection;

/// <summary>Chooses the caption to train on. The same captions, options and key give the same choice, in whatever order the captions come.</summary>
public sealed class CaptionSelector
{
    /// <summary>A selector by a rule.</summary>
    /// <exception cref="CurationException">An option is out of range.</exception>
    public CaptionSelector(SelectionOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Options = options.Check();
    }

    /// <summary>The rule and its numbers.</summary>
    public SelectionOptions Options { get; }

    /// <summary>Chooses one of an image's usable captions.</summary>
    /// <param name="captions">In any order; labels are unique.</param>
    /// <param name="key">The image's key, which the draw depends on.</param>
    public CaptionChoice Select(IReadOnlyList<ScoredCaption> captions, string key)
    {
        ArgumentNullException.ThrowIfNull(captions);
        ArgumentException.ThrowIfNullOrEmpty(key);
        var probs = new double?[captions.Count];
        if (captions.Count == 0)
            return new CaptionChoice { Probs = probs, Reason = Reasons.NoCaption, Message = "No usable caption." };

        // By label, so that neither the draw nor a tie depends on the order given.
        var order = Enumerable.Range(0, captions.Count).OrderBy(i => captions[i].Label, StringComparer.Ordinal).ToArray();
        var scored = order.Where(i => IsValid(captions[i].Score)).ToArray();
        if (ImageScore(captions, scored) is { } score && score < Options.ImageThreshold)
        {
            var message = FormattableString.Invariant($"The image's score {score:0.00} is below {Options.ImageThreshold}.");
            return new CaptionChoice { Probs = probs, Reason = Reasons.ImageScore, Message = message };
        }

        var candidates = Options.Rule == SelectionRule.Proportion || scored.Length == 0 ? order : scored;
        var weights = Weights([.. candidates.Select(i => captions[i])], scored.Length > 0);
        var sum = weights.Sum();
        for (var i = 0; i < candidates.Length; i++)
            probs[candidates[i]] = weights[i] / sum;
        var chosen = candidates[Draw(weights, KeyedDraw.Uniform(Options.Seed, key) * sum)];
        return new CaptionChoice
        {
            Label = captions[chosen].Label,
            Score = IsValid(captions[chosen].Score) ? captions[chosen].Score : Options.Rule == SelectionRule.Proportion ? null : 0,
            Prob = probs[chosen]!.Value,
            Probs = probs,
        };
    }

    /// <summary>Whether a score can count: a finite number of 0 or more.</summary>
    public static bool IsValid(double? score) => score is >= 0 and < double.PositiveInfinity;

    private static double? ImageScore(IReadOnlyList<ScoredCaption> captions, int[] scored)
    {
        if (scored.Length == 0)
            return null;
        var original = Array.FindIndex(scored, i => captions[i].Label == Candidate.OriginalLabel);
        return original >= 0 ? captions[scored[original]].Score : scored.Max(i => captions[i].Score);
    }

    private double[] Weights(ScoredCaption[] captions, bool areScored) => (Options.Rule, areScored) switch
    {
        (SelectionRule.Proportion, _) => SelectionWeights.Proportion(captions, Options.Proportions),
        (_, false) => SelectionWeights.Unscored(captions),
        (SelectionRule.Max, _) => SelectionWeights.Best(Scores(captions)),
        (SelectionRule.TopK, _) => SelectionWeights.TopK(Scores(captions), Options.Threshold, Options.K),
        (SelectionRule.Softmax, _) => SelectionWeights.Softmax(Scores(captions), Options.Threshold, Options.Tau),
        _ => SelectionWeights.Power(Scores(captions), Options.Threshold, Math.Max(Options.Tau, SelectionOptions.LeastPowerTau)),
    };

    private static double[] Scores(ScoredCaption[] captions) => Array.ConvertAll(captions, caption => caption.Score!.Value);

    private static int Draw(double[] weights, double point)
    {
        var last = 0;
        for (var i = 0; i < weights.Length; i++)
        {
            if (weights[i] <= 0)
                continue;
            last = i; // Rounding may leave the point above the sum: the last with a weight takes it.
            if (point < weights[i])
                return i;
            point -= weights[i];
        }

        return last;
    }
}
