using System.Globalization;
using System.Text;
using static System.FormattableString;

namespace Sana.Curation.Report;

/// <summary>What is counted of one judge, and the images with its lowest and highest scores. Neither depends on the order of the rows.</summary>
/// <param name="card">The judge.</param>
/// <param name="shown">Images that are kept at each end.</param>
internal sealed class JudgeTally(JudgeCard card, int shown)
{
    private readonly int _factor = card.IsFraction ? 100 : 1;
    private readonly SortedSet<(double Score, string Key)> _lowest = [];
    private readonly SortedSet<(double Score, string Key)> _highest = [];
    private readonly Dictionary<string, IndexRow> _rows = new(StringComparer.Ordinal);

    public JudgeCard Card => card;

    /// <summary>Of every image that it judged, kept or not, times <see cref="Factor"/>.</summary>
    public ScoreBins Scores { get; } = new();

    public int Factor => _factor;

    /// <summary>Images that it judged.</summary>
    public long Judged { get; private set; }

    /// <summary>Images for which its network gave no finite number.</summary>
    public long Without { get; private set; }

    /// <summary>Images that it left out.</summary>
    public long LeftOut { get; private set; }

    /// <summary>Lowest first.</summary>
    public IReadOnlyList<(double Score, IndexRow Row)> Lowest => [.. _lowest.Select(one => (one.Score, _rows[one.Key]))];

    /// <summary>Highest first.</summary>
    public IReadOnlyList<(double Score, IndexRow Row)> Highest => [.. _highest.Reverse().Select(one => (one.Score, _rows[one.Key]))];

    public void Add(IndexRow row)
    {
        if (row.Judges?.FirstOrDefault(judge => judge.Label == card.Label) is not { } judged)
            return;
        LeftOut += row.Reason == Reasons.JudgeScore && card.Fault(judged.Score) is not null ? 1 : 0;
        if (judged.Score is not { } score)
        {
            Without++;
            return;
        }

        Judged++;
        Scores.Add(score * _factor);
        _lowest.Add((score, row.Key));
        _highest.Add((score, row.Key));
        if (_lowest.Count > shown)
        {
            var (above, below) = (_lowest.Max, _highest.Min);
            _lowest.Remove(above);
            _highest.Remove(below);
            foreach (var key in (string[])[above.Key, below.Key])
            {
                if (!IsShown(key))
                    _rows.Remove(key);
            }
        }

        if (IsShown(row.Key))
            _rows[row.Key] = ShownRow.Cut(row);
    }

    private bool IsShown(string key) => _lowest.Any(one => one.Key == key) || _highest.Any(one => one.Key == key);
}

/// <summary>Each judge's scores, and the images at both ends of them.</summary>
internal sealed class JudgeSection(ReportView view, Pictures pictures, PageWriter page)
{
    /// <summary>The judges' part of the room that is left; the rest is for the gallery and what was left out.</summary>
    private const double Part = 0.2;

    public async Task Write(CancellationToken cancellationToken)
    {
        if (view.Judges.Count == 0)
            return;
        var room = (long)(page.Left * Part) / view.Judges.Count;
        await page.Write(Html.Of($"""<section id="judges"><h2>Judges</h2>"""), cancellationToken);
        foreach (var judge in view.Judges)
        {
            await page.Write(Html.Of($"""<div class="captioner">{Figures(judge)}{Drawn(judge)}</div>"""), cancellationToken);
            await page.Write(await Tiles("Lowest", judge.Lowest, judge, room / 2, cancellationToken), cancellationToken);
            await page.Write(await Tiles("Highest", judge.Highest, judge, room / 2, cancellationToken), cancellationToken);
        }

        await page.Write(Html.Of($"</section>\n"), cancellationToken);
    }

    private static Html Figures(JudgeTally judge)
    {
        var (card, scores) = (judge.Card, judge.Scores);
        return Html.Of($"""
            <div class="figures"><h3><bdi>{card.Column}</bdi> <small>{PlainText.Cut(card.Model, ShownRow.LineLimit)}</small></h3>
            <dl class="grid">
            <div><dt>Judged</dt><dd>{Display.Number(judge.Judged)}</dd><dd class="dim">{Beside(judge)}</dd></div>
            <div><dt>Mean</dt><dd>{(scores.Mean is { } mean ? Invariant($"{mean / judge.Factor:0.####}") : "–")}</dd><dd class="dim">{card.Unit}</dd></div>
            <div><dt>Left out</dt><dd>{Display.Number(judge.LeftOut)}</dd><dd class="dim">{Limits(card)}</dd></div>
            </dl></div>
            """);
    }

    private static string Beside(JudgeTally judge)
    {
        var undrawn = judge.Judged - judge.Scores.Count;
        return (judge.Without, undrawn) switch
        {
            (0, 0) => "images",
            (_, 0) => Invariant($"images, and {judge.Without} without a number"),
            (0, _) => Invariant($"images, {undrawn} beyond ±{100 / judge.Factor} not in mean and drawing"),
            _ => Invariant($"images, {undrawn} beyond ±{100 / judge.Factor} not in mean and drawing, and {judge.Without} without a number"),
        };
    }

    private static string Limits(JudgeCard card) => (card.Min, card.Max) switch
    {
        (null, null) => "no limit",
        ({ } min, null) => Invariant($"below {min}"),
        (null, { } max) => Invariant($"above {max}"),
        ({ } min, { } max) => Invariant($"below {min} or above {max}"),
    };

    private static Html Drawn(JudgeTally judge)
    {
        if (judge.Scores.Count == 0)
            return Html.Empty;
        double? min = judge.Card.Min * judge.Factor, max = judge.Card.Max * judge.Factor;
        double?[] lines = [.. new[] { min, max }.Where(line => line is >= -100 and <= 100)]; // what is drawn at all
        var scale = ScoreScale.Fit([judge.Scores], lines);
        return Histogram.Draw(judge.Scores, scale, lines, to => to <= min || to > max, judge.Card.Column, "image", $"{judge.Card.Unit}{(judge.Factor == 1 ? "" : " × 100")}");
    }

    private async Task<Html> Tiles(string title, IReadOnlyList<(double Score, IndexRow Row)> images, JudgeTally judge, long room, CancellationToken cancellationToken)
    {
        var tiles = new List<Html>();
        foreach (var (score, row) in images)
        {
            var picture = await pictures.Draw(row, cancellationToken);
            var tile = Html.Of($"""
                <figure>{picture}<figcaption><b><bdi>{Display.FileName(row)}</bdi></b><span>{score.ToString("0.####", CultureInfo.InvariantCulture)}{(row.Status == RowStatus.Success ? "" : $", {row.Status}: {row.Reason}")}</span></figcaption></figure>

                """);
            room -= Encoding.UTF8.GetByteCount(tile.Text);
            if (room < 0)
                break;
            tiles.Add(tile);
        }

        return tiles.Count == 0 ? Html.Empty : Html.Of($"""<h3>{title} <small>{judge.Card.Column}</small></h3><div class="tilegrid">{Html.Join(tiles)}</div>""");
    }
}
