using Sana.Curation.Captioning.Checks;

namespace Sana.Curation.Captioning;

/// <summary>Finds equal captions of several captioners: if all stayed, that caption would be drawn more often.</summary>
public static class CandidateDuplicates
{
    /// <summary>
    /// The candidates in their order; each usable one with the words of an earlier usable one gets the reason <c>candidate_duplicate</c>. Capitals, punctuation
    /// and spaces do not count.
    /// </summary>
    public static IReadOnlyList<Candidate> Mark(IReadOnlyList<Candidate> candidates)
    {
        ArgumentNullException.ThrowIfNull(candidates);
        var first = new Dictionary<string, string>(StringComparer.Ordinal);
        var marked = new List<Candidate>(candidates.Count);
        foreach (var candidate in candidates)
        {
            if (candidate is { Reason: null, Text: { } text } && !first.TryAdd(Words(text), candidate.Label))
                marked.Add(Duplicate(candidate, text, of: first[Words(text)]));
            else
                marked.Add(candidate);
        }

        return marked;
    }

    private static Candidate Duplicate(Candidate candidate, string text, string of) => candidate with
    {
        Text = null,
        Words = 0,
        TextRaw = candidate.TextRaw ?? text,
        Reason = Reasons.CandidateDuplicate,
        Message = $"{of} gave the same caption.",
    };

    private static string Words(string text) => string.Join(' ', CaptionText.Split(text).Select(word => word.Letters)) is { Length: > 0 } words ? words : text;
}
