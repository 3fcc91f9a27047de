using Sana.Curation;
using Sana.Inference;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;

namespace Sana.Jobs.Generation;

/// <summary>How the judges of a host choose among the candidates of an image.</summary>
internal static class BestOfRanking
{
    /// <summary>The same with its judges named.</summary>
    /// <param name="best">As it was asked for.</param>
    /// <param name="gate">The judges of the host; null for none.</param>
    /// <exception cref="InferenceException">A value is out of range, or there is no such judge.</exception>
    public static BestOf Resolve(this BestOf best, GateCard? gate)
    {
        if (best.Of is < 2 or > BestOf.Most)
            throw new InferenceException($"best_of {best.Of} is not in 2…{BestOf.Most}.");
        if (best.Keep < 1 || best.Keep >= best.Of)
            throw new InferenceException($"keep {best.Keep} of best_of {best.Of} is not in 1…{best.Of - 1}.");
        if (best.StopAt is { } stop && !double.IsFinite(stop))
            throw new InferenceException("stop_at is no number.");
        if (gate is null)
            throw new InferenceException("best_of needs a judge and this host has none; declare judges (--judges, or judges of sana.json).");
        if (gate.Judges.FirstOrDefault(judge => !judge.ReadsPrompts) is not { } first)
            throw new InferenceException("best_of needs a judge of images, and this host has judges of prompts only; declare another one.");
        var judges = best.Judges is { Count: > 0 } named ? named : [first.Label];
        if (judges.FirstOrDefault(label => gate.Judges.All(judge => judge.Label != label)) is { } unknown)
            throw new InferenceException($"best_of: there is no judge '{(unknown.Length > 64 ? unknown[..64] + "…" : unknown)}'; there are {string.Join(", ", gate.Judges.Select(judge => judge.Label))}.");
        if (gate.Judges.FirstOrDefault(judge => judge.ReadsPrompts && judges.Contains(judge.Label)) is { } reader)
            throw new InferenceException($"best_of: the judge '{reader.Label}' reads the prompt, which all candidates have; name a judge of images.");
        if (judges.Distinct(StringComparer.Ordinal).Count() != judges.Count)
            throw new InferenceException("best_of names a judge twice; name each once.");
        return best with { Judges = [.. judges] };
    }

    /// <summary>Scores as numbers of which more is better, in the order in which they decide. What is no number is below all.</summary>
    public static double[] Rank(this BestOf best, IReadOnlyList<ImageScore> scores, GateCard gate) => [.. best.Judges!.Select(label =>
    {
        var judge = gate.Judges.First(each => each.Label == label);
        return scores.First(score => score.Judge == judge.Column).Score is not { } score ? double.NegativeInfinity : IsLessBetter(judge) ? -score : score;
    })];

    /// <summary>Whether a candidate of this rank is good enough to stop at.</summary>
    public static bool IsEnough(this BestOf best, double[] rank, GateCard gate) =>
        best.StopAt is { } stop && rank[0] >= (IsLessBetter(gate.Judges.First(judge => judge.Label == best.Judges![0])) ? -stop : stop);

    // What only has an upper limit measures something that is not wanted, as a safety checker does.
    private static bool IsLessBetter(JudgeCard judge) => judge.Kind == "safety-checker" || judge is { Min: null, Max: not null };
}
