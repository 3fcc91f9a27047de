namespace Sana.Curation.Report;

/// <summary>The one x-axis of all histograms of a page: its ends, the width of a bin and of the steps between labels, all in points.</summary>
internal readonly record struct ScoreScale(double From, double To, double Bin, double Step)
{
    private const int MostBins = 60;

    public int Bins => (int)Math.Round((To - From) / Bin);

    /// <summary>Fits every score and the threshold.</summary>
    public static ScoreScale Of(IEnumerable<ScoreBins> scores, double? threshold)
    {
        var (least, most) = (double.PositiveInfinity, double.NegativeInfinity);
        foreach (var bins in scores.Where(bins => bins.Count > 0))
            (least, most) = (Math.Min(least, bins.Least!.Value), Math.Max(most, bins.Most!.Value));
        if (threshold is { } line && double.IsFinite(line))
            (least, most) = (Math.Min(least, line), Math.Max(most, line));
        if (least > most)
            (least, most) = (0, 40);

        var step = new[] { 1d, 2, 5, 10, 20, 50 }.First(size => (most - least) / size <= 10 || size == 50);
        var from = Math.Floor(least / step) * step;
        var to = Math.Max(from + step, Math.Ceiling(most / step) * step);
        var bin = new[] { 0.25, 0.5, 1, 2, 5 }.First(width => (to - from) / width <= MostBins || width == 5);
        return new ScoreScale(from, to, bin, step);
    }
}
