using System.Globalization;
using Sana.Inference.Clip;

namespace Sana.Curation.Report;

/// <summary>
/// A histogram of scores as inline SVG: bars below the threshold are dim, the threshold is a dashed line, the mean a triangle under the axis. Places on the
/// x-axis are percents and heights are pixels, so the drawing is as wide as its place and its letters keep their size on a phone.
/// </summary>
internal static class Histogram
{
    private const double Height = 164;
    private const double Top = 20;
    private const double Baseline = 124;

    public static Html Draw(ScoreBins scores, ScoreScale scale, double? threshold, string name, ScorerFamily family = ScorerFamily.Clip) =>
        Draw(scores, scale, [threshold], isBelow: bin => bin <= threshold, $"{family.Title()} scores of {name}", "caption", $"{family.Title()} score, 100 × cosine");

    /// <summary>With limits of any number, and any unit.</summary>
    /// <param name="scores">What is drawn.</param>
    /// <param name="scale">The x-axis.</param>
    /// <param name="thresholds">Dashed lines; null for none.</param>
    /// <param name="isBelow">Whether a bar is dim, by the upper end of its bin.</param>
    /// <param name="name">Of the scores.</param>
    /// <param name="item">What each is of, in the singular.</param>
    /// <param name="unit">Under the axis.</param>
    public static Html Draw(ScoreBins scores, ScoreScale scale, IReadOnlyList<double?> thresholds, Func<double, bool> isBelow, string name, string item, string unit)
    {
        var counts = Enumerable.Range(0, scale.Bins).Select(bin => scores.Between(From(scale, bin), From(scale, bin + 1))).ToArray();
        var most = Math.Max(1, counts.Max());
        return Html.Of($"""
            <svg class="histogram" height="{Height:0}" role="img" aria-label="{name}: {scores.Count:N0} {(scores.Count == 1 ? item : item + "s")}, mean {scores.Mean ?? 0:0.00}">
            <line class="grid" x1="0" x2="100%" y1="{Top:0}" y2="{Top:0}"/>
            <text class="y" x="-8" y="{Top + 4:0}">{Short(most)}</text><text class="y" x="-8" y="{Baseline + 1:0}">0</text>
            {Html.Join(counts.Select((count, bin) => Bar(count, most, bin, scale, isBelow)))}
            <line class="axis" x1="0" x2="100%" y1="{Baseline:0}" y2="{Baseline:0}"/>
            {Ticks(scale)}{Html.Join(thresholds.Select(threshold => Threshold(scale, threshold)))}{Mean(scores, scale)}
            <text class="unit" x="50%" y="{Height - 4:0}">{unit}</text>
            </svg>
            """);
    }

    private static Html Bar(long count, long most, int bin, ScoreScale scale, Func<double, bool> isBelow)
    {
        if (count == 0)
            return Html.Empty;
        var (from, to) = (From(scale, bin), From(scale, bin + 1));
        var tall = Math.Max(1.5, (Baseline - Top) * count / most);
        return Html.Of($"""<rect class="{(isBelow(to) ? "below" : "bar")}" x="{X(scale, from):0.###}%" y="{Baseline - tall:0.##}" width="{X(scale, to) - X(scale, from):0.###}%" height="{tall:0.##}"><title>{from:0.##} to {to:0.##}: {count:N0}</title></rect>""");
    }

    private static Html Ticks(ScoreScale scale)
    {
        var ticks = Enumerable.Range(0, (int)Math.Round((scale.To - scale.From) / scale.Step) + 1).Select(i => scale.From + (i * scale.Step));
        return Html.Join(ticks.Select(at => Html.Of(
            $"""<line class="axis" x1="{X(scale, at):0.##}%" x2="{X(scale, at):0.##}%" y1="{Baseline:0}" y2="{Baseline + 4:0}"/><text class="x" x="{X(scale, at):0.##}%" y="{Baseline + 18:0}">{at:0.##}</text>""")));
    }

    private static Html Threshold(ScoreScale scale, double? threshold)
    {
        if (threshold is not { } at || !double.IsFinite(at))
            return Html.Empty;
        var (x, isRight) = (X(scale, at), X(scale, at) > 50);
        return Html.Of(
            $"""<line class="threshold" x1="{x:0.##}%" x2="{x:0.##}%" y1="{Top - 14:0}" y2="{Baseline:0}"/><text class="threshold" x="{x:0.##}%" y="{Top - 6:0}" dx="{(isRight ? -6 : 6)}" text-anchor="{(isRight ? "end" : "start")}">threshold {at:0.##}</text>""");
    }

    private static Html Mean(ScoreBins scores, ScoreScale scale) => scores.Mean is not { } mean
        ? Html.Empty
        : Html.Of($"""<svg class="mean" x="{X(scale, mean):0.##}%" y="{Baseline:0}"><path d="M0 0l-5 8h10z"><title>mean {mean:0.00}</title></path></svg>""");

    private static double From(ScoreScale scale, int bin) => scale.From + (bin * scale.Bin);

    /// <summary>Percent of the width.</summary>
    private static double X(ScoreScale scale, double score) => 100 * (score - scale.From) / (scale.To - scale.From);

    private static string Short(long count) => count switch
    {
        >= 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{count / 1_000_000.0:0.#}M"),
        >= 10_000 => string.Create(CultureInfo.InvariantCulture, $"{count / 1_000.0:0.#}k"),
        _ => count.ToString("N0", CultureInfo.InvariantCulture),
    };
}

/// <summary>The one x-axis of all histograms of a page: its ends, the width of a bin and of the steps between labels, all in points.</summary>
internal readonly record struct ScoreScale(double From, double To, double Bin, double Step)
{
    private const int MostBins = 60;

    public int Bins => (int)Math.Round((To - From) / Bin);

    /// <summary>Fits every score and the thresholds.</summary>
    public static ScoreScale Fit(IEnumerable<ScoreBins> scores, params ReadOnlySpan<double?> thresholds)
    {
        var (least, most) = (double.PositiveInfinity, double.NegativeInfinity);
        foreach (var bins in scores.Where(bins => bins.Count > 0))
            (least, most) = (Math.Min(least, bins.Least!.Value), Math.Max(most, bins.Most!.Value));
        foreach (var threshold in thresholds)
        {
            if (threshold is { } line && double.IsFinite(line))
                (least, most) = (Math.Min(least, line), Math.Max(most, line));
        }

        if (least > most)
            (least, most) = (0, 40);

        var step = new[] { 1d, 2, 5, 10, 20, 50 }.First(size => (most - least) / size <= 10 || size == 50);
        var from = Math.Floor(least / step) * step;
        var to = Math.Max(from + step, Math.Ceiling(most / step) * step);
        var bin = new[] { 0.25, 0.5, 1, 2, 5 }.First(width => (to - from) / width <= MostBins || width == 5);
        return new ScoreScale(from, to, bin, step);
    }
}

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
