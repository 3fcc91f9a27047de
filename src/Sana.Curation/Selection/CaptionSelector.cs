using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Sana.Inference.Clip;

namespace Sana.Curation.Selection;

/// <summary>Chooses the caption to train on. The same captions, options and key give the same choice, in whatever order the captions come.</summary>
public sealed class CaptionSelector
{
    private readonly double _threshold;

    /// <summary>A selector by a rule. A threshold that is not given is CLIP's.</summary>
    /// <exception cref="CurationException">An option is out of range.</exception>
    public CaptionSelector(SelectionOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Options = options.Check().For(ScorerFamily.Clip);
        _threshold = Options.Threshold!.Value;
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
        captions = [.. captions.Select(caption => caption with { Score = Weighed(caption.Score) })];
        var scored = order.Where(i => captions[i].Score is not null).ToArray();
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
            Score = captions[chosen].Score ?? (Options.Rule == SelectionRule.Proportion ? null : 0),
            Prob = probs[chosen]!.Value,
            Probs = probs,
        };
    }

    /// <summary>A score as it counts in the draw: a negative cosine as 0; null for none and for what is no finite number.</summary>
    public static double? Weighed(double? score) => score is { } number && double.IsFinite(number) ? Math.Max(0, number) : null;

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
        (SelectionRule.TopK, _) => SelectionWeights.TopK(Scores(captions), _threshold, Options.K),
        (SelectionRule.Softmax, _) => SelectionWeights.Softmax(Scores(captions), _threshold, Options.Tau),
        _ => SelectionWeights.Power(Scores(captions), _threshold, Math.Max(Options.Tau, SelectionOptions.LeastPowerTau)),
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

/// <summary>A caption that may be chosen.</summary>
/// <param name="Label">Unique among an image's captions.</param>
/// <param name="Score">On the 0…100 scale; null when nobody scored it.</param>
public readonly record struct ScoredCaption(string Label, double? Score);

/// <summary>What the rule made of an image's captions.</summary>
public sealed record CaptionChoice
{
    /// <value>The chosen label; null when there is a <see cref="Reason"/>.</value>
    public string? Label { get; init; }

    /// <value>Score of the chosen caption; 0 when the rule goes by scores and there is none, as in Sana's code.</value>
    public double? Score { get; init; }

    /// <value>Probability with which it was drawn.</value>
    public double Prob { get; init; }

    /// <value>For each caption as given, its probability; null for one that was no candidate.</value>
    public required IReadOnlyList<double?> Probs { get; init; }

    /// <value>no_caption or image_score; null when one was chosen.</value>
    public string? Reason { get; init; }

    /// <value>One sentence to <see cref="Reason"/>.</value>
    public string? Message { get; init; }
}

/// <summary>Selection on rows of the index.</summary>
public static class RowSelection
{
    /// <summary>
    /// Fills a row's chosen caption and the probabilities of all its candidates. A row without a usable caption, or below the image threshold, becomes
    /// <c>filtered</c> with its reason; other rows keep their status. A score that is no finite number is taken off its candidate, which gets the flag
    /// <see cref="Reasons.ScoreInvalid"/>; a negative one stays as it is and counts as 0.
    /// </summary>
    public static IndexRow Choose(this CaptionSelector selector, IndexRow row)
    {
        ArgumentNullException.ThrowIfNull(selector);
        ArgumentNullException.ThrowIfNull(row);
        var candidates = row.Candidates.Select(WithoutBadScore).ToArray();
        var usable = Enumerable.Range(0, candidates.Length).Where(i => IsUsable(candidates[i])).ToArray();
        var choice = selector.Select([.. usable.Select(i => new ScoredCaption(candidates[i].Label, candidates[i].Score))], row.Key);
        for (var i = 0; i < candidates.Length; i++)
            candidates[i] = candidates[i] with { Prob = null };
        for (var i = 0; i < usable.Length; i++)
            candidates[usable[i]] = candidates[usable[i]] with { Prob = choice.Probs[i] };

        var isChosen = choice.Label is not null;
        var chosen = Array.Find(candidates, candidate => candidate.Label == choice.Label);
        return row with
        {
            Status = isChosen ? row.Status : "filtered",
            Reason = isChosen ? row.Reason : choice.Reason,
            ErrorMessage = isChosen ? row.ErrorMessage : choice.Message,
            Caption = chosen?.Text,
            CaptionLabel = choice.Label,
            CaptionScore = chosen?.Score ?? choice.Score,
            SelectionMethod = selector.Options.Rule.Name(),
            SelectionProb = isChosen ? choice.Prob : null,
            CandidatesPresent = usable.Length,
            Candidates = candidates,
        };
    }

    /// <summary>Whether a candidate may be chosen: it has a text and no reason against it.</summary>
    public static bool IsUsable(this Candidate candidate)
    {
        ArgumentNullException.ThrowIfNull(candidate);
        return candidate is { Reason: null, Text.Length: > 0 };
    }

    private static Candidate WithoutBadScore(Candidate candidate) => candidate.Score is null || CaptionSelector.Weighed(candidate.Score) is not null
        ? candidate
        : candidate with { Score = null, Flags = [.. candidate.Flags, Reasons.ScoreInvalid] };
}

/// <summary>
/// A uniform number in [0, 1) as a function of seed and key alone, so a draw does not depend on order, shard, retry or machine: the first 53 bits of SHA-256
/// over the seed (8 bytes, little endian) and the key in UTF-8, over 2^53. Anyone can recompute it with any language's library.
/// </summary>
internal static class KeyedDraw
{
    public static double Uniform(ulong seed, string key)
    {
        var most = 8 + Encoding.UTF8.GetMaxByteCount(key.Length);
        var message = most <= 512 ? stackalloc byte[most] : new byte[most];
        BinaryPrimitives.WriteUInt64LittleEndian(message, seed);
        var length = 8 + Encoding.UTF8.GetBytes(key, message[8..]);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(message[..length], hash);
        return (BinaryPrimitives.ReadUInt64BigEndian(hash) >> 11) * (1.0 / (1UL << 53));
    }
}
