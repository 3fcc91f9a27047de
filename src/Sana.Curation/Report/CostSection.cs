using System.Globalization;

namespace Sana.Curation.Report;

/// <summary>Money and tokens by captioner; what the clock said, where the caller gave it.</summary>
internal static class CostSection
{
    public static Html Draw(ReportView view) => Html.Of($"""
        <div class="pair" id="cost">
        <section><h2>Cost</h2>{Costs(view)}</section>
        <section><h2>Throughput</h2>{(view.Timings is { } timings ? Times(timings) : Html.Of($"""<p class="empty">Not recorded.</p>"""))}</section>
        </div>

        """);

    private static Html Costs(ReportView view)
    {
        var captioners = view.Captioners.Where(tally => !tally.IsOriginal).ToList();
        if (captioners.Count == 0)
            return Html.Of($"""<p class="empty">No captioner was asked.</p>""");
        var rows = captioners.Select(tally => Html.Of($"""
            <tr><td><bdi>{tally.Label}</bdi></td><td class="num roomy">{Words.Number(tally.Attempts)}</td><td class="num">{Words.Tokens(tally.InputTokens)}</td><td class="num">{Words.Tokens(tally.OutputTokens)}</td><td class="num">{Words.Money(tally.Cost)}</td></tr>
            """));
        return Html.Of($"""
            <div class="scroll"><table><thead><tr><th>Captioner</th><th class="num roomy">Requests</th><th class="num">Tokens in</th><th class="num">Tokens out</th><th class="num">{view.Run.Currency}</th></tr></thead>
            <tbody>{Html.Join(rows)}</tbody>
            <tfoot><tr><td>Together</td><td class="num roomy">{Words.Number(captioners.Sum(tally => tally.Attempts))}</td><td class="num">{Words.Tokens(captioners.Sum(tally => tally.InputTokens))}</td><td class="num">{Words.Tokens(captioners.Sum(tally => tally.OutputTokens))}</td><td class="num">{Words.Money(view.Totals.Cost)}</td></tr></tfoot></table></div>
            """);
    }

    private static Html Times(ReportTimings timings)
    {
        var longest = timings.Stages.Count == 0 ? TimeSpan.Zero : timings.Stages.Max(stage => stage.Busy);
        var rows = timings.Stages.Select(stage => Html.Of($"""
            <tr><td>{stage.Name}</td><td class="meter roomy"><meter min="0" max="{Math.Max(0.001, longest.TotalSeconds):0.###}" value="{stage.Busy.TotalSeconds:0.###}"></meter></td><td class="num">{Words.Time(stage.Busy)}</td><td class="num">{Words.Number(stage.Items)}</td><td class="num">{Words.Rate(stage.Items, stage.Busy)}/s</td></tr>
            """));
        return Html.Of($"""
            <dl class="grid three">
            <div><dt>Elapsed</dt><dd>{Words.Time(timings.Elapsed)}</dd><dd class="dim">{(timings.Finished is { } end ? end.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture) + " UTC" : "")}</dd></div>
            <div><dt>Images</dt><dd>{Words.Rate(timings.Images, timings.Elapsed)}/s</dd><dd class="dim">{Words.Number(timings.Images)} in this run</dd></div>
            <div><dt>Captions</dt><dd>{Words.Rate(timings.Captions, timings.Elapsed)}/s</dd><dd class="dim">{Words.Number(timings.Captions)} in this run</dd></div>
            </dl>
            {(timings.Stages.Count == 0 ? Html.Empty : Html.Of($"""<div class="scroll"><table><thead><tr><th>Stage</th><th class="roomy"></th><th class="num">Busy</th><th class="num">Items</th><th class="num">Rate</th></tr></thead><tbody>{Html.Join(rows)}</tbody></table></div>"""))}
            """);
    }
}
