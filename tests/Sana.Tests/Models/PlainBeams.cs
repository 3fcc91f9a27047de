namespace Sana.Tests.Models;

/// <summary>
/// Beam search for one image as transformers writes it (GenerationMixin._beam_search of version 5), step by step with its own numbers: −1e9 for what does not count, sequences of full length
/// and a mask for the best candidates.
/// </summary>
/// <param name="logits">Of the token after these, the start token first among them.</param>
/// <param name="start">The token before the first one.</param>
/// <param name="ends">Tokens that end a caption.</param>
internal sealed class PlainBeams(Func<int[], double[]> logits, int start, int[] ends)
{
    private const double Never = -1e9;

    public required int Beams { get; init; }
    public required int MaxTokens { get; init; }
    public double LengthPenalty { get; init; } = 1;
    public string EarlyStopping { get; init; } = "false";
    public int NoRepeatNgramSize { get; init; }
    public int? ForcedFirst { get; init; }
    public int? ForcedLast { get; init; }

    /// <summary>Ids of the caption, without the start token, the one that ended it included.</summary>
    public int[] Search()
    {
        var maxLength = MaxTokens + 1;
        var toKeep = Math.Max(2, 1 + ends.Length) * Beams;
        var running = Enumerable.Range(0, Beams).Select(beam => (Ids: new[] { start }, Score: beam == 0 ? 0 : Never)).ToArray();
        var sequences = Enumerable.Range(0, Beams).Select(_ => (Ids: new[] { start }, Score: Never, Finished: false)).ToArray();
        var (unsatisfied, length) = (true, 1);
        while (true)
        {
            var all = running.SelectMany(beam => Processed(beam.Ids).Select((score, id) => (Ids: (int[])[.. beam.Ids, id], Score: score + beam.Score))).ToArray();
            var top = all.Where(one => !double.IsNegativeInfinity(one.Score)).OrderByDescending(one => one.Score).Take(toKeep).ToArray();
            var hits = Array.ConvertAll(top, one => ends.Contains(one.Ids[^1]) || length + 1 >= maxLength);
            running = [.. top.Select((one, i) => (one.Ids, Score: one.Score + (hits[i] ? Never : 0))).OrderByDescending(one => one.Score).Take(Beams)];

            var full = sequences.All(one => one.Finished) && EarlyStopping == "true";
            var merged = sequences.Concat(top.Select((one, i) =>
            {
                var justFinished = hits[i] && i < Beams;
                var score = one.Score / Math.Pow(length + 1 - 1, LengthPenalty);
                return (one.Ids, Score: score + (full ? Never : 0) + (unsatisfied ? 0 : Never) + (justFinished ? 0 : Never), Finished: justFinished);
            }));
            sequences = [.. merged.OrderByDescending(one => one.Score).Take(Beams)];

            length++;
            var hypothetical = EarlyStopping == "never" && LengthPenalty > 0 ? maxLength - 1 : length - 1;
            var best = running[0].Score / Math.Pow(hypothetical, LengthPenalty);
            var worst = sequences.Min(one => one.Score);
            unsatisfied &= sequences.Any(one => best > (one.Finished ? worst : Never));
            var open = !(sequences.All(one => one.Finished) && EarlyStopping == "true");
            if (!(unsatisfied && open && !hits.All(hit => hit)))
                return sequences[0].Ids[1..];
        }
    }

    private double[] Processed(int[] ids)
    {
        var values = logits(ids);
        var most = values.Max();
        var total = most + Math.Log(values.Sum(value => Math.Exp(value - most)));
        var scores = Array.ConvertAll(values, value => value - total);
        if (NoRepeatNgramSize > 0 && ids.Length + 1 >= NoRepeatNgramSize)
        {
            for (var i = 0; i + NoRepeatNgramSize <= ids.Length; i++)
            {
                if (ids.Skip(i).Take(NoRepeatNgramSize - 1).SequenceEqual(ids.TakeLast(NoRepeatNgramSize - 1)))
                    scores[ids[i + NoRepeatNgramSize - 1]] = double.NegativeInfinity;
            }
        }

        if (ForcedFirst is { } first && ids.Length == 1)
            scores = [.. scores.Select((_, id) => id == first ? 0 : double.NegativeInfinity)];
        if (ForcedLast is { } last && ids.Length == MaxTokens)
            scores = [.. scores.Select((_, id) => id == last ? 0 : double.NegativeInfinity)];
        return scores;
    }
}
