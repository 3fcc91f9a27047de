using System.Globalization;

namespace Sana.Curation.Report;

/// <summary>
/// A histogram of scores as inline SVG: bars below the threshold are dim, the threshold is a dashed line, the mean a triangle under the axis.
/// Places on the x-axis are percents and heights are pixels, so the drawing is as wide as its place and its letters keep their size on a phone.
/// </summary>
internal static class Histogram
{
    private const double Height = 164;
    private const double Top = 20;
    private const double Baseline = 124;

    public static Html Draw(ScoreBins scores, ScoreScale scale, double? threshold, string name)
    {
        var counts = Enumerable.Range(0, scale.Bins).Select(bin => scores.Between(From(scale, bin), From(scale, bin + 1))).ToArray();
        var most = Math.Max(1, counts.Max());
        return Html.Of($"""
            <svg class="histogram" height="{Height:0}" role="img" aria-label="CLIP scores of {name}: {scores.Count:N0} captions, mean {scores.Mean ?? 0:0.00}">
            <line class="grid" x1="0" x2="100%" y1="{Top:0}" y2="{Top:0}"/>
            <text class="y" x="-8" y="{Top + 4:0}">{Short(most)}</text><text class="y" x="-8" y="{Baseline + 1:0}">0</text>
            {Html.Join(counts.Select((count, bin) => Bar(count, most, bin, scale, threshold)))}
            <line class="axis" x1="0" x2="100%" y1="{Baseline:0}" y2="{Baseline:0}"/>
            {Ticks(scale)}{Threshold(scale, threshold)}{Mean(scores, scale)}
            <text class="unit" x="50%" y="{Height - 4:0}">CLIP score, 100 × cosine</text>
            </svg>
            """);
    }

    private static Html Bar(long count, long most, int bin, ScoreScale scale, double? threshold)
    {
        if (count == 0)
            return Html.Empty;
        var (from, to) = (From(scale, bin), From(scale, bin + 1));
        var tall = Math.Max(1.5, (Baseline - Top) * count / most);
        return Html.Of($"""<rect class="{(to <= threshold ? "below" : "bar")}" x="{X(scale, from):0.###}%" y="{Baseline - tall:0.##}" width="{X(scale, to) - X(scale, from):0.###}%" height="{tall:0.##}"><title>{from:0.##} to {to:0.##}: {count:N0}</title></rect>""");
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
