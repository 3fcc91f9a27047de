using Sana.Curation.Shards;

namespace Sana.Curation.Report;

/// <summary>What is counted over all rows. Sums are decimal, so they are exact and do not depend on the order of the rows.</summary>
internal sealed class Totals
{
    public long Rows { get; private set; }

    public long Succeeded { get; private set; }

    public long Bytes { get; private set; }

    public decimal Cost { get; private set; }

    public SortedDictionary<string, long> Statuses { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, long> Notes { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, CaptionerTally> Captioners { get; } = new(StringComparer.Ordinal);

    /// <summary>Scores of the chosen captions.</summary>
    public ScoreBins Chosen { get; } = new();

    public void Add(IndexRow row)
    {
        Rows++;
        Bytes += row.Bytes ?? 0;
        Count(Statuses, row.Status);
        foreach (var note in row.Notes)
            Count(Notes, note);
        foreach (var candidate in row.Candidates)
        {
            Cost += candidate.Cost;
            if (!Captioners.TryGetValue(candidate.Label, out var tally))
                Captioners.Add(candidate.Label, tally = new CaptionerTally(candidate));
            tally.Add(candidate, isChosen: row.Status == "success" && candidate.Label == row.CaptionLabel);
        }

        if (row.Status != "success")
            return;
        Succeeded++;
        Chosen.Add(row.CaptionScore);
    }

    internal static void Count(SortedDictionary<string, long> counts, string code) => counts[code] = counts.GetValueOrDefault(code) + 1;
}
