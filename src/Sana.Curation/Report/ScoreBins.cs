namespace Sana.Curation.Report;

/// <summary>Scores, 100 × cosine, counted in quarters of a point: fine enough to be drawn on any scale that turns out to fit all captioners.</summary>
internal sealed class ScoreBins
{
    /// <summary>Bins in a point.</summary>
    public const int PerPoint = 4;

    private const int Half = 100 * PerPoint;
    private readonly long[] _counts = new long[2 * Half];
    private decimal _sum;

    public long Count { get; private set; }

    public double? Mean => Count == 0 ? null : (double)(_sum / Count);

    /// <summary>Lower end of the lowest bin with a score.</summary>
    public double? Least => Count == 0 ? null : (Array.FindIndex(_counts, count => count > 0) - Half) / (double)PerPoint;

    /// <summary>Upper end of the highest one.</summary>
    public double? Most => Count == 0 ? null : (Array.FindLastIndex(_counts, count => count > 0) + 1 - Half) / (double)PerPoint;

    /// <summary>Counts a score of −100…100; what is missing or no number is none.</summary>
    public void Add(double? score)
    {
        if (score is not { } value || !double.IsFinite(value) || value is < -100 or > 100)
            return;
        Count++;
        _sum += (decimal)value;
        _counts[Math.Min((int)Math.Floor(value * PerPoint) + Half, _counts.Length - 1)]++;
    }

    /// <summary>Scores from <paramref name="from"/> up to but not with <paramref name="to"/>; both whole quarters.</summary>
    public long Between(double from, double to)
    {
        var sum = 0L;
        for (var bin = Math.Max(0, (int)(from * PerPoint) + Half); bin < Math.Min(_counts.Length, (int)(to * PerPoint) + Half); bin++)
            sum += _counts[bin];
        return sum;
    }
}
