using System.Globalization;

namespace Sana.Curation.Report;

/// <summary>A histogram of scores as inline SVG: bars below the threshold are dim, the threshold is a dashed line, the mean a triangle on the axis.</summary>
internal static class Histogram
{
    private const double Width = 720;
    private const double Height = 132;
    private const double Left = 44;
    private const double Right = 12;
    private const double Top = 16;
    private const double Bottom = 40;

    public static Html Draw(ScoreBins scores, ScoreScale scale, double? threshold, string name)
    {
        var counts = Enumerable.Range(0, scale.Bins).Select(bin => scores.Between(scale.From + (bin * scale.Bin), scale.From + ((bin + 1) * scale.Bin))).ToArray();
        var most = Math.Max(1, counts.Max());
        var baseline = Height - Bottom;
        var wide = (Width - Left - Right) / scale.Bins;
        var bars = counts.Select((count, bin) =>
        {
            if (count == 0)
                return Html.Empty;
            var (from, to) = (scale.From + (bin * scale.Bin), scale.From + ((bin + 1) * scale.Bin));
            var tall = Math.Max(1, (baseline - Top) * count / most);
            return Html.Of($"""<rect class="{(to <= threshold ? "below" : "bar")}" x="{Left + (bin * wide) + 0.5:0.##}" y="{baseline - tall:0.##}" width="{wide - 1:0.##}" height="{tall:0.##}"><title>{from:0.##} to {to:0.##}: {count:N0}</title></rect>""");
        });
        return Html.Of($"""
            <svg class="histogram" viewBox="0 0 {Width:0} {Height:0}" role="img" aria-label="CLIP scores of {name}: {scores.Count:N0} captions, mean {scores.Mean ?? 0:0.00}">
            <line class="grid" x1="{Left:0}" x2="{Width - Right:0}" y1="{Top:0}" y2="{Top:0}"/>
            <text class="y" x="{Left - 8:0}" y="{Top + 4:0}">{Short(most)}</text><text class="y" x="{Left - 8:0}" y="{baseline + 4:0}">0</text>
            {Html.Join(bars)}
            <line class="axis" x1="{Left:0}" x2="{Width - Right:0}" y1="{baseline:0}" y2="{baseline:0}"/>
            {Ticks(scale, baseline)}{Threshold(scale, threshold, baseline)}{Mean(scores, scale, baseline)}
            <text class="unit" x="{(Left + Width - Right) / 2:0}" y="{Height - 4:0}">CLIP score, 100 × cosine</text>
            </svg>
            """);
    }

    private static Html Ticks(ScoreScale scale, double baseline)
    {
        var ticks = Enumerable.Range(0, (int)Math.Round((scale.To - scale.From) / scale.Step) + 1).Select(i => scale.From + (i * scale.Step));
        return Html.Join(ticks.Select(at => Html.Of($"""<line class="axis" x1="{X(scale, at):0.##}" x2="{X(scale, at):0.##}" y1="{baseline:0}" y2="{baseline + 4:0}"/><text class="x" x="{X(scale, at):0.##}" y="{baseline + 17:0}">{at:0.##}</text>""")));
    }

    private static Html Threshold(ScoreScale scale, double? threshold, double baseline) => threshold is not { } at || !double.IsFinite(at)
        ? Html.Empty
        : Html.Of($"""<line class="threshold" x1="{X(scale, at):0.##}" x2="{X(scale, at):0.##}" y1="{Top - 4:0}" y2="{baseline:0}"/><text class="threshold" x="{X(scale, at) + (X(scale, at) > Width / 2 ? -6 : 6):0.##}" y="{Top - 5:0}" text-anchor="{(X(scale, at) > Width / 2 ? "end" : "start")}">threshold {at:0.##}</text>""");

    private static Html Mean(ScoreBins scores, ScoreScale scale, double baseline)
    {
        if (scores.Mean is not { } mean)
            return Html.Empty;
        var x = X(scale, mean);
        return Html.Of($"""<path class="mean" d="M{x:0.##} {baseline:0}l-5 8h10z"><title>mean {mean:0.00}</title></path>""");
    }

    private static double X(ScoreScale scale, double score) => Left + ((Width - Left - Right) * (score - scale.From) / (scale.To - scale.From));

    private static string Short(long count) => count switch
    {
        >= 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{count / 1_000_000.0:0.#}M"),
        >= 10_000 => string.Create(CultureInfo.InvariantCulture, $"{count / 1_000.0:0.#}k"),
        _ => count.ToString("N0", CultureInfo.InvariantCulture),
    };
}
