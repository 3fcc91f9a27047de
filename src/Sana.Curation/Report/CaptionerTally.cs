using Sana.Curation.Shards;

namespace Sana.Curation.Report;

/// <summary>What is counted for one captioner, or for the captions that came with the images.</summary>
internal sealed class CaptionerTally(Candidate first)
{
    public string Label { get; } = first.Label;

    public string? Model { get; } = PlainText.Cut(first.Model, ShownRow.LineLimit);

    public string? Licence { get; } = PlainText.Cut(first.Licence, ShownRow.LineLimit);

    public bool IsOriginal => Label == Candidate.OriginalLabel;

    public long Asked { get; private set; }

    public long Usable { get; private set; }

    public long Chosen { get; private set; }

    public long Words { get; private set; }

    public long Cut { get; private set; }

    public long InputTokens { get; private set; }

    public long OutputTokens { get; private set; }

    public long Attempts { get; private set; }

    public decimal Cost { get; private set; }

    /// <summary>Why captions cannot be chosen.</summary>
    public SortedDictionary<string, long> Reasons { get; } = new(StringComparer.Ordinal);

    /// <summary>What the checks found, also in captions that were mended and kept.</summary>
    public SortedDictionary<string, long> Flags { get; } = new(StringComparer.Ordinal);

    public ScoreBins Scores { get; } = new();

    public void Add(Candidate candidate, bool isChosen)
    {
        Asked++;
        Chosen += isChosen ? 1 : 0;
        InputTokens += candidate.InputTokens;
        OutputTokens += candidate.OutputTokens;
        Attempts += candidate.Attempts;
        Cost += candidate.Cost;
        foreach (var flag in candidate.Flags)
            Totals.Count(Flags, flag);
        if (candidate.Reason is { } reason)
        {
            Totals.Count(Reasons, reason);
            return;
        }

        Usable++;
        Words += candidate.Words;
        Cut += candidate.ClipTruncated == true ? 1 : 0;
        Scores.Add(candidate.Score);
    }
}
