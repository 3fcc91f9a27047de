using System.Globalization;
using Sana.Curation.Captioning;

namespace Sana.Curation.Report;

/// <summary>Each captioner's figures beside its scores, all on one scale, so that looking down the page compares them.</summary>
internal static class CaptionerSection
{
    public static Html Draw(ReportView view) => view.Captioners.Count == 0
        ? Html.Of($"""<section id="captioners"><h2>Captioners</h2><p class="empty">No image has a caption.</p></section>""")
        : Html.Of($"""<section id="captioners"><h2>Captioners</h2>{Html.Join(view.Captioners.Select(tally => Captioner(view, tally)))}</section>""");

    private static Html Captioner(ReportView view, CaptionerTally tally)
    {
        var card = view.Run.Captioners.FirstOrDefault(card => card.Label == tally.Label);
        var scores = tally.Scores;
        return Html.Of($"""
            <div class="captioner">
            <div class="figures">
            <h3><bdi>{(tally.IsOriginal ? "original" : tally.Label)}</bdi> <small>{(tally.IsOriginal ? "the caption that came with the image" : card is null ? Model(tally.Model, null, tally.Licence) : Model(card))}</small></h3>
            <dl class="grid">
            {Figure("Usable", Words.Share(tally.Usable, tally.Asked), $"{Words.Number(tally.Usable)} of {Words.Number(tally.Asked)}")}
            {Figure("Chosen", Words.Share(tally.Chosen, view.Totals.Succeeded), Words.Number(tally.Chosen))}
            {Figure("Mean score", scores.Mean is { } mean ? Say($"{mean:0.00}") : "–", scores.Count > 0 ? Say($"{scores.Least:0.#} to {scores.Most:0.#}") : "not scored")}
            {Figure("Mean words", tally.Usable > 0 ? Say($"{(double)tally.Words / tally.Usable:0.0}") : "–", $"{Words.Share(tally.Cut, tally.Usable)} cut by CLIP")}
            {Figure("Tokens", Words.Tokens(tally.OutputTokens), $"of {Words.Tokens(tally.InputTokens)} asked with", tally.IsOriginal)}
            {Figure("Cost", $"{Words.Money(tally.Cost)} {view.Run.Currency}", $"{Words.Number(tally.Attempts)} requests", tally.IsOriginal)}
            </dl>
            </div>
            {(scores.Count > 0 ? Histogram.Draw(scores, view.Scale, view.Threshold, tally.Label) : Html.Empty)}
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

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
