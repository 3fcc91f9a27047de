using Sana.Curation.Shards;

namespace Sana.Curation.Selection;

/// <summary>Selection on rows of the index.</summary>
public static class RowSelection
{
    /// <summary>
    /// Fills a row's chosen caption and the probabilities of all its candidates. A row without a usable caption, or below the image threshold, becomes <c>filtered</c> with its reason;
    /// other rows keep their status. A score that is no number of 0 or more is taken off its candidate, which gets the flag <see cref="Reasons.ScoreInvalid"/>.
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
        return row with
        {
            Status = isChosen ? row.Status : "filtered",
            Reason = isChosen ? row.Reason : choice.Reason,
            ErrorMessage = isChosen ? row.ErrorMessage : choice.Message,
            Caption = isChosen ? Array.Find(candidates, candidate => candidate.Label == choice.Label)!.Text : null,
            CaptionLabel = choice.Label,
            CaptionScore = choice.Score,
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

    private static Candidate WithoutBadScore(Candidate candidate) => candidate.Score is null || CaptionSelector.IsValid(candidate.Score)
        ? candidate
        : candidate with { Score = null, Flags = [.. candidate.Flags, Reasons.ScoreInvalid] };
}
