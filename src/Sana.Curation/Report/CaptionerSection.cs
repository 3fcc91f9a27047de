using System.Globalization;
using Sana.Curation.Captioning;
using Sana.Inference.Clip;
using static System.FormattableString;

namespace Sana.Curation.Report;

/// <summary>Each captioner's figures beside its scores, all on one scale, so that looking down the page compares them.</summary>
internal static class CaptionerSection
{
    public static Html Draw(ReportView view) => view.Captioners.Count == 0
        ? Html.Of($"""<section id="captioners"><h2>Captioners</h2><p class="empty">No image has a caption.</p></section>""")
        : Html.Of($"""<section id="captioners"><h2>Captioners</h2>{Html.Join(view.Captioners.Select(tally => Captioner(view, tally)))}</section>""");

    private static Html Captioner(ReportView view, CaptionerTotals tally)
    {
        var card = view.Run.Captioners.FirstOrDefault(card => card.Label == tally.Label);
        var scores = tally.Scores;
        return Html.Of($"""
            <div class="captioner">
            <div class="figures">
            <h3><bdi>{(tally.IsOriginal ? "original" : tally.Label)}</bdi> <small>{(tally.IsOriginal ? "the caption that came with the image" : card is null ? Model(tally.Model, null, tally.Licence) : Model(card))}</small></h3>
            <dl class="grid">
            {Figure("Usable", Display.Share(tally.Usable, tally.Asked), $"{Display.Number(tally.Usable)} of {Display.Number(tally.Asked)}")}
            {Figure("Chosen", Display.Share(tally.Chosen, view.Totals.Succeeded), Display.Number(tally.Chosen))}
            {Figure("Mean score", scores.Mean is { } mean ? Invariant($"{mean:0.00}") : "–", scores.Count > 0 ? Invariant($"{scores.Least:0.#} to {scores.Most:0.#}") : "not scored")}
            {Figure("Mean words", tally.Usable > 0 ? Invariant($"{(double)tally.Words / tally.Usable:0.0}") : "–", $"{Display.Share(tally.Cut, tally.Usable)} cut by {view.Run.ScorerFamily.Title()}")}
            {Figure("Tokens", Display.Tokens(tally.OutputTokens), $"of {Display.Tokens(tally.InputTokens)} asked with", tally.IsOriginal)}
            {Figure("Cost", $"{Display.Money(tally.Cost)} {view.Run.Currency}", $"{Display.Number(tally.Attempts)} requests", tally.IsOriginal)}
            </dl>
            </div>
            {(scores.Count > 0 ? Histogram.Draw(scores, view.Scale, view.Threshold, tally.Label, view.Run.ScorerFamily) : Html.Empty)}
            {Codes("Not usable", tally.Reasons)}{Codes("Found by the checks", tally.Flags)}{Prompt(card)}
            </div>
            """);
    }

    /// <summary>Model, revision and licence of a configured captioner.</summary>
    public static string Model(CaptionerCard card) => Model(card.Model, card.Revision, card.Licence);

    private static string Model(string? model, string? revision, string? licence) => string.Join(" · ", new[] { model, revision, licence ?? "licence not stated" }.OfType<string>());

    private static Html Figure(string name, string value, string detail, bool isLeftOut = false) => isLeftOut
        ? Html.Empty
        : Html.Of($"""<div><dt>{name}</dt><dd>{value}</dd><dd class="dim">{detail}</dd></div>""");

    private static Html Codes(string title, SortedDictionary<string, long> counts) => counts.Count == 0
        ? Html.Empty
        : Html.Of($"""<p class="pills wide"><span class="dim">{title}</span> {RunSection.Pills(counts)}</p>""");

    private static Html Prompt(CaptionerCard? card) => card is null
        ? Html.Empty
        : Html.Of($"""<details class="wide"><summary>Prompt and decoding</summary><pre>{PlainText.Cut(card.Prompt, 4_000)}</pre><pre>{PlainText.Cut(card.Decoding, 1_000)}</pre></details>""");
}

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
            <tr><td><bdi>{tally.Label}</bdi></td><td class="num roomy">{Display.Number(tally.Attempts)}</td><td class="num">{Display.Tokens(tally.InputTokens)}</td><td class="num">{Display.Tokens(tally.OutputTokens)}</td><td class="num">{Display.Money(tally.Cost)}</td></tr>
            """));
        return Html.Of($"""
            <div class="scroll"><table><thead><tr><th>Captioner</th><th class="num roomy">Requests</th><th class="num">Tokens in</th><th class="num">Tokens out</th><th class="num">{view.Run.Currency}</th></tr></thead>
            <tbody>{Html.Join(rows)}</tbody>
            <tfoot><tr><td>Together</td><td class="num roomy">{Display.Number(captioners.Sum(tally => tally.Attempts))}</td><td class="num">{Display.Tokens(captioners.Sum(tally => tally.InputTokens))}</td><td class="num">{Display.Tokens(captioners.Sum(tally => tally.OutputTokens))}</td><td class="num">{Display.Money(view.Totals.Cost)}</td></tr></tfoot></table></div>
            """);
    }

    private static Html Times(ReportTimings timings)
    {
        var longest = timings.Stages.Count == 0 ? TimeSpan.Zero : timings.Stages.Max(stage => stage.Busy);
        var rows = timings.Stages.Select(stage => Html.Of($"""
            <tr><td>{stage.Name}</td><td class="meter roomy"><meter min="0" max="{Math.Max(0.001, longest.TotalSeconds):0.###}" value="{stage.Busy.TotalSeconds:0.###}"></meter></td><td class="num">{Display.Time(stage.Busy)}</td><td class="num">{Display.Number(stage.Items)}</td><td class="num">{Display.Rate(stage.Items, stage.Busy)}/s</td></tr>
            """));
        return Html.Of($"""
            <dl class="grid three">
            <div><dt>Elapsed</dt><dd>{Display.Time(timings.Elapsed)}</dd><dd class="dim">{(timings.Finished is { } end ? end.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture) + " UTC" : "")}</dd></div>
            <div><dt>Images</dt><dd>{Display.Rate(timings.Images, timings.Elapsed)}/s</dd><dd class="dim">{Display.Number(timings.Images)} in this run</dd></div>
            <div><dt>Captions</dt><dd>{Display.Rate(timings.Captions, timings.Elapsed)}/s</dd><dd class="dim">{Display.Number(timings.Captions)} in this run</dd></div>
            </dl>
            {(timings.Stages.Count == 0 ? Html.Empty : Html.Of($"""<div class="scroll"><table><thead><tr><th>Stage</th><th class="roomy"></th><th class="num">Busy</th><th class="num">Items</th><th class="num">Rate</th></tr></thead><tbody>{Html.Join(rows)}</tbody></table></div>"""))}
            """);
    }
}
