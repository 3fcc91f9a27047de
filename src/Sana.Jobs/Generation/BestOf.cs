using System.Text.Json.Serialization;
using Sana.Curation;
using Sana.Inference;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;

namespace Sana.Jobs.Generation;

/// <summary>
/// Several candidates of each image, of which judges keep the best. The candidates have the seeds from the image's own on, each is scored once, and equal ones go by their place, so the same request
/// keeps the same images.
/// </summary>
/// <param name="Of">Candidates of each image, 2…64.</param>
public sealed record BestOf(int Of)
{
    /// <summary>The most candidates of one image.</summary>
    public const int Most = 64;

    /// <value>How many of them are kept, 1…<see cref="Of"/> − 1. Default 1.</value>
    public int Keep { get; init; } = 1;

    /// <value>Labels of the judges: the first decides, each further one where those before it are equal. Default the first judge of the host.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Judges { get; init; }

    /// <value>When as many candidates as are kept score at least so much by the first judge (at most so much where less is better), no further one is made. Default none: all are made.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? StopAt { get; init; }

    /// <summary>The same with its judges named.</summary>
    /// <param name="gate">The judges of the host; null for none.</param>
    /// <exception cref="InferenceException">A value is out of range, or there is no such judge.</exception>
    internal BestOf Resolve(GateCard? gate)
    {
        if (Of is < 2 or > Most)
            throw new InferenceException($"best_of {Of} is not in 2…{Most}.");
        if (Keep < 1 || Keep >= Of)
            throw new InferenceException($"keep {Keep} of best_of {Of} is not in 1…{Of - 1}.");
        if (StopAt is { } stop && !double.IsFinite(stop))
            throw new InferenceException("stop_at is no number.");
        if (gate is null)
            throw new InferenceException("best_of needs a judge and this host has none; declare judges (--judges, or judges of sana.json).");
        var judges = Judges is { Count: > 0 } named ? named : [gate.Judges[0].Label];
        if (judges.FirstOrDefault(label => gate.Judges.All(judge => judge.Label != label)) is { } unknown)
            throw new InferenceException($"best_of: there is no judge '{(unknown.Length > 64 ? unknown[..64] + "…" : unknown)}'; there are {string.Join(", ", gate.Judges.Select(judge => judge.Label))}.");
        if (judges.Distinct(StringComparer.Ordinal).Count() != judges.Count)
            throw new InferenceException("best_of names a judge twice; name each once.");
        return this with { Judges = [.. judges] };
    }

    /// <summary>The seeds of the candidates of an image.</summary>
    internal IEnumerable<ulong> Seeds(ulong first) => Enumerable.Range(0, Of).Select(i => unchecked(first + (ulong)i));

    /// <summary>Scores as numbers of which more is better, in the order in which they decide. What is no number is below all.</summary>
    internal double[] Rank(IReadOnlyList<ImageScore> scores, GateCard gate) => [.. Judges!.Select(label =>
    {
        var judge = gate.Judges.First(each => each.Label == label);
        return scores.First(score => score.Judge == judge.Column).Score is not { } score ? double.NegativeInfinity : IsLessBetter(judge) ? -score : score;
    })];

    /// <summary>Whether a candidate of this rank is good enough to stop at.</summary>
    internal bool IsEnough(double[] rank, GateCard gate) =>
        StopAt is { } stop && rank[0] >= (IsLessBetter(gate.Judges.First(judge => judge.Label == Judges![0])) ? -stop : stop);

    /// <summary>Whether both ask for the same.</summary>
    internal static bool Same(BestOf? one, BestOf? other) =>
        (one?.Of, one?.Keep, one?.StopAt) == (other?.Of, other?.Keep, other?.StopAt) && (one?.Judges ?? []).SequenceEqual(other?.Judges ?? []);

    // What only has an upper limit measures something that is not wanted, as a safety checker does.
    private static bool IsLessBetter(JudgeCard judge) => judge.Kind == "safety-checker" || judge is { Min: null, Max: not null };
}
