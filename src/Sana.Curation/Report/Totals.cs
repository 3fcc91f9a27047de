namespace Sana.Curation.Report;

/// <summary>What is counted over all rows. Sums are decimal, so they are exact and do not depend on the order of the rows.</summary>
internal sealed class Totals
{
    private const int MostLicences = 1000;
    private const int MostLicence = 120;

    public long Rows { get; private set; }

    public long Succeeded { get; private set; }

    public long Bytes { get; private set; }

    public decimal Cost { get; private set; }

    public SortedDictionary<string, long> Statuses { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, long> Notes { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, CaptionerTotals> Captioners { get; } = new(StringComparer.Ordinal);

    /// <summary>Images in the shards by their licence; the empty text for none.</summary>
    public SortedDictionary<string, long> Licences { get; } = new(StringComparer.Ordinal);

    /// <summary>Images in the shards whose licence came after the first thousand different ones.</summary>
    public long OtherLicences { get; private set; }

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
                Captioners.Add(candidate.Label, tally = new CaptionerTotals(candidate));
            tally.Add(candidate, isChosen: row.Status == "success" && candidate.Label == row.CaptionLabel);
        }

        if (row.Status != "success")
            return;
        Succeeded++;
        Chosen.Add(row.CaptionScore);
        var licence = PlainText.Cut(row.Licence?.Trim(), MostLicence) ?? "";
        if (Licences.Count < MostLicences || Licences.ContainsKey(licence))
            Count(Licences, licence);
        else
            OtherLicences++;
    }

    internal static void Count(SortedDictionary<string, long> counts, string code) => counts[code] = counts.GetValueOrDefault(code) + 1;
}

/// <summary>What is counted for one captioner, or for the captions that came with the images.</summary>
internal sealed class CaptionerTotals(Candidate first)
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
