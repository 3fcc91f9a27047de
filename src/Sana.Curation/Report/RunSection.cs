using System.Globalization;
using Sana.Curation.Selection;
using Sana.Inference.Clip;
using Sana.Storage;
using static System.FormattableString;

namespace Sana.Curation.Report;

/// <summary>What ran and what came of it: tiles, counts by status and reason, the configuration as a table.</summary>
internal static class RunSection
{
    private static readonly string[] _statuses = ["success", "filtered", "duplicate", "rejected", "failed"];

    public static Html Draw(ReportView view)
    {
        var totals = view.Totals;
        var usable = view.Captioners.Sum(tally => tally.Usable);
        var asked = view.Captioners.Sum(tally => tally.Asked);
        return Html.Of($"""
            <section class="tiles" aria-label="Summary">
            <article><h2>Images</h2><strong>{Display.Number(totals.Rows)}</strong><small>{Counted.Bytes(totals.Bytes)} of source files</small></article>
            <article><h2>In the shards</h2><strong>{Display.Number(totals.Succeeded)}</strong><small>{Display.Share(totals.Succeeded, totals.Rows)} of all images</small></article>
            <article><h2>Usable captions</h2><strong>{Display.Number(usable)}</strong><small>{Display.Share(usable, asked)} of {Display.Number(asked)}</small></article>
            <article><h2>Mean score</h2><strong>{(totals.Chosen.Mean is { } mean ? mean.ToString("0.00", CultureInfo.InvariantCulture) : "–")}</strong><small>{view.Run.ScorerFamily.Title()}, of chosen captions</small></article>
            <article><h2>Cost</h2><strong>{Display.Money(totals.Cost)}<em> {view.Run.Currency}</em></strong><small>{(totals.Succeeded > 0 ? $"{Display.Money(1000 * totals.Cost / totals.Succeeded)} per 1,000 kept" : "")}</small></article>
            </section>
            <div class="pair" id="run">
            <section><h2>Outcome</h2>{Bar(totals)}{Reasons(view)}{Notes(totals)}</section>
            <section><h2>Run</h2>{Facts(view)}</section>
            </div>

            """);
    }

    private static Html Bar(Totals totals)
    {
        var at = 0.0;
        var parts = Ordered(totals).Select(status =>
        {
            var wide = 1000.0 * status.Count / Math.Max(1, totals.Rows);
            at += wide;
            return Html.Of($"""<rect class="{Tone(status.Status)}" x="{at - wide:0.##}" y="0" width="{wide:0.##}" height="12"><title>{status.Status}: {Display.Number(status.Count)}</title></rect>""");
        });
        return Html.Of($"""<svg class="stack" viewBox="0 0 1000 12" preserveAspectRatio="none" role="img" aria-label="Share of each status">{Html.Join(parts)}</svg>""");
    }

    private static Html Reasons(ReportView view)
    {
        var rows = Ordered(view.Totals).Select(status => Html.Of($"""
            <tr class="status"><td><span class="dot {Tone(status.Status)}"></span>{status.Status}</td><td class="num">{Display.Number(status.Count)}</td><td class="num dim">{Display.Share(status.Count, view.Totals.Rows)}</td></tr>
            {Html.Join(view.Removed.Where(removed => removed.Key.Status == status.Status).OrderByDescending(removed => removed.Value.Offered).Select(removed => Html.Of(
                $"""<tr><td class="reason"><a href="#{Anchor(removed.Key)}"><code>{removed.Key.Reason}</code></a></td><td class="num">{Display.Number(removed.Value.Offered)}</td><td class="num dim">{Display.Share(removed.Value.Offered, view.Totals.Rows)}</td></tr>""")))}
            """));
        return Html.Of($"""<table class="counts"><tbody>{Html.Join(rows)}</tbody></table>""");
    }

    private static Html Notes(Totals totals) => totals.Notes.Count == 0
        ? Html.Empty
        : Html.Of($"""<h3>Mended on the way</h3><p class="pills">{Pills(totals.Notes)}</p>""");

    private static Html Facts(ReportView view)
    {
        var (run, rule) = (view.Run, view.Run.Selection);
        List<ReportFact> facts = [new("Source", run.Source)];
        if (run.ParentVersion is { } parent)
            facts.Add(new("Adds to", parent));
        facts.Add(new("Tool", run.ToolVersion));
        facts.Add(new("Scorer", run.Scorer is null ? "none" : $"{run.ScorerFamily.Title()}, {run.Scorer}"));
        if (run.OtherScorers.Count > 0)
            facts.Add(new("Also scored by", $"{string.Join(", ", run.OtherScorers)}; these scores are recorded and chose nothing"));
        if (run.EvenScore is { } even)
            facts.Add(new("Even chance at score", Invariant($"{even:0.00}; scores are 100 × cosine, and those of another scorer are another scale")));
        facts.Add(new("Selection", rule is null ? "none" : Rule(rule)));
        if (view.Threshold is { } threshold)
            facts.Add(new("Draws from score", Invariant($"{threshold:0.##}; where none reaches it, the best is taken")));
        if (rule is { ImageThreshold: > 0 })
            facts.Add(new("Drops images below", Invariant($"{rule.ImageThreshold:0.##}, by the original caption's score, or the best where that has none")));
        var captioners = run.Captioners.Select(card => Html.Of($"""<div><dt>Captioner</dt><dd><bdi>{card.Label}</bdi><small>{CaptionerSection.Model(card)}</small></dd></div>"""));
        return Html.Of($"""<dl class="facts">{Html.Join(facts.Select(Line))}{Html.Join(captioners)}{Html.Join(run.Filters.Select(Line))}{Hash(run.ConfigSha256)}</dl>""");
    }

    private static string Rule(SelectionOptions options) => options.Rule switch
    {
        SelectionRule.Power or SelectionRule.Softmax => Invariant($"{options.Rule.Name()}, tau {options.Tau:0.####}, seed {options.Seed}"),
        SelectionRule.TopK => Invariant($"{options.Rule.Name()}, k {options.K}, seed {options.Seed}"),
        SelectionRule.Proportion => Invariant($"{options.Rule.Name()}: {string.Join(", ", options.Proportions.OrderBy(part => part.Key, StringComparer.Ordinal).Select(part => Invariant($"{part.Key} {part.Value:0.####}")))}, seed {options.Seed}"),
        _ => options.Rule.Name(),
    };

    private static Html Line(ReportFact fact) => Html.Of($"""<div><dt>{PlainText.Cut(fact.Name, 80)}</dt><dd><bdi>{PlainText.Cut(fact.Value, ShownRow.LineLimit)}</bdi></dd></div>""");

    private static Html Hash(string? hash) => hash is null ? Html.Empty : Html.Of($"""<div><dt>Configuration</dt><dd><code>{PlainText.Cut(hash, 80)}</code></dd></div>""");

    public static Html Pills(SortedDictionary<string, long> counts) =>
        Html.Join(counts.OrderByDescending(count => count.Value).Select(count => Html.Of($"""<span class="pill"><code>{count.Key}</code> {Display.Number(count.Value)}</span>""")));

    public static string Anchor((string Status, string Reason) kind) => $"{kind.Status}-{kind.Reason}";

    public static string Tone(string status) => status switch
    {
        "success" => "good",
        "rejected" => "bad",
        "failed" => "warn",
        "duplicate" => "busy",
        _ => "plain",
    };

    private static IEnumerable<(string Status, long Count)> Ordered(Totals totals) =>
        totals.Statuses.OrderBy(status => (uint)Array.IndexOf(_statuses, status.Key)).Select(status => (status.Key, status.Value));
}
