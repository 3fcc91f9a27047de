using System.Globalization;
using System.Text;
using Sana.Inference.Clip;
using Sana.Storage;

namespace Sana.Curation.Report;

/// <summary>Images with all their captions side by side.</summary>
internal sealed class GallerySection(ReportView view, Pictures pictures, PageWriter page)
{
    /// <summary>The gallery's part of the room that is left; the rest is for what was left out.</summary>
    private const double Part = 0.75;

    public async Task Write(CancellationToken cancellationToken)
    {
        var room = (long)(page.Left * Part);
        List<(int Shard, int Row, Html Card)> cards = [];
        await foreach (var (row, card) in Pictures.InOrder(view.Gallery.Rows, async (row, cancellation) => ImageCard.Draw(row, view, await pictures.Draw(row, cancellation)), cancellationToken))
        {
            room -= Encoding.UTF8.GetByteCount(card.Text);
            if (room < 0)
                break;
            cards.Add((row.Shard, row.Row, card));
        }

        await page.Write(Html.Of($"""
            <section id="images" class="open"><h2>Images</h2>
            <p class="lead">{Lead(cards.Count)}</p>
            <form class="controls" hidden>
            <label>Show <select name="show"><option value="">all</option><option value="disagree">scores disagree</option><option value="unusable">with unusable captions</option>{Html.Join(view.Captioners.Select(tally => Html.Of($"""<option value="by:{tally.Label}">chosen: {(tally.IsOriginal ? "original" : tally.Label)}</option>""")))}</select></label>
            <label>Sort <select name="sort"><option value="">as in the dataset</option><option value="low">lowest score first</option><option value="high">highest score first</option></select></label>
            <output></output>
            </form>

            """), cancellationToken);
        foreach (var (_, _, card) in cards.OrderBy(card => card.Shard).ThenBy(card => card.Row))
            await page.Write(card, cancellationToken);
        await page.Write(Html.Of($"</section>\n"), cancellationToken);
    }

    private string Lead(int shown)
    {
        var offered = view.Gallery.Offered;
        if (offered == 0)
            return "No image has a caption.";
        if (shown == offered)
            return shown == 1 ? "The one image that has captions." : $"All {Display.Number(shown)} images that have captions.";
        var why = shown < Math.Min(offered, view.Options.Images) ? $" More do not fit into a page of {Counted.Bytes(view.Options.MaxBytes)}." : "";
        return $"{Display.Number(shown)} of {Display.Number(offered)} images that have captions, spread over the whole dataset.{why}";
    }
}

/// <summary>One image of the gallery.</summary>
internal static class ImageCard
{
    /// <summary>Letters that are shown at once; longer texts unfold.</summary>
    private const int FoldFrom = 420;

    public static Html Draw(IndexRow row, ReportView view, Html picture)
    {
        var disagreement = ChoiceText.Disagreement(row, view.Run.ScorerFamily);
        var hasUnusable = row.Candidates.Any(candidate => candidate.Reason is not null);
        var score = row.CaptionScore is { } value && double.IsFinite(value) ? value.ToString("0.####", CultureInfo.InvariantCulture) : "";
        return Html.Of($"""
            <article class="card" data-by="{row.CaptionLabel}" data-score="{score}" data-disagree="{(disagreement is null ? "" : "1")}" data-unusable="{(hasUnusable ? "1" : "")}">
            <div class="image">{picture}
            <p class="name"><bdi>{Display.FileName(row)}</bdi></p>
            <p class="dim"><span>{Display.Pixels(row.Width, row.Height)}</span> <span>shard {row.Shard}</span></p>
            {(row.Status == "success" ? Html.Empty : Html.Of($"""<p><span class="pill {RunSection.Tone(row.Status)}">{row.Status}: <code>{row.Reason}</code></span></p>"""))}
            </div>
            <div class="told">
            <p class="why">{ChoiceText.Chosen(row, view.Run.Selection)}{Missing(row)}</p>
            {(disagreement is null ? Html.Empty : Html.Of($"""<p class="flag"><span class="pill warn">scores disagree</span> <span>{disagreement}</span></p>"""))}
            <div class="captions">{Html.Join(row.Candidates.Select(candidate => Caption(candidate, candidate.Label == row.CaptionLabel && row.CaptionLabel is not null, view)))}</div>
            </div>
            </article>

            """);
    }

    private static Html Caption(Candidate candidate, bool isChosen, ReportView view) => Html.Of($"""
        <div class="caption{(isChosen ? " chosen" : "")}{(candidate.Reason is null ? "" : " refused")}">
        <h4><bdi>{(candidate.Label == Candidate.OriginalLabel ? "original" : candidate.Label)}</bdi>{(isChosen ? Html.Of($"""<span class="pill accent">chosen</span>""") : Html.Empty)}</h4>
        {(candidate.Reason is null ? Scores(candidate, view) : Html.Of($"""<p class="scores"><span class="pill bad"><code>{candidate.Reason}</code></span></p>"""))}
        {Text(candidate.Reason is null ? candidate.Text : candidate.TextRaw ?? candidate.Text)}
        {(candidate.Message is { Length: > 0 } message ? Html.Of($"""<p class="dim message" dir="auto">{message}</p>""") : Html.Empty)}
        {(candidate.Flags.Count == 0 ? Html.Empty : Html.Of($"""<p class="flags">{Html.Join(candidate.Flags.Select(flag => Html.Of($"""<code>{flag}</code> """)))}</p>"""))}
        </div>
        """);

    private static Html Scores(Candidate candidate, ReportView view)
    {
        var scale = view.Scale;
        var score = candidate.Score is { } value && double.IsFinite(value) ? value : (double?)null;
        var whole = candidate.WindowScore is { } window && double.IsFinite(window) && window != score ? Html.Of($"""<p class="dim measures">whole text {window:0.00}</p>""") : Html.Empty;
        var tokens = candidate.ClipTokens is { } count ? Html.Of($"<span>{count:N0} tokens{(candidate.ClipTruncated == true ? Html.Of($""", <em class="cut" title="{view.Run.ScorerFamily.Title()} saw the beginning only">cut</em>""") : Html.Empty)}</span>") : Html.Empty;
        var others = Html.Join((candidate.OtherScores ?? []).Select(other => Html.Of($"""<p class="dim measures">{other.Scorer} {(other.Score is { } known ? known.ToString("0.00", CultureInfo.InvariantCulture) : "no score")}</p>""")));
        return Html.Of($"""
            <p class="scores"><b>{(score is { } known ? known.ToString("0.00", CultureInfo.InvariantCulture) : "no score")}</b>{(candidate.Prob is { } prob && double.IsFinite(prob) ? Html.Of($""" <span>p {ChoiceText.Probability(prob)}</span>""") : Html.Empty)}</p>
            <meter min="{scale.From:0.##}" max="{scale.To:0.##}" value="{score ?? scale.From:0.##}" aria-label="score"></meter>
            <p class="dim measures">{tokens}<span>{candidate.Words:N0} {(candidate.Words == 1 ? "word" : "words")}</span></p>{whole}{others}
            """);
    }

    private static Html Text(string? text) => text is null
        ? Html.Of($"""<p class="text dim">no text</p>""")
        : text.Length <= FoldFrom
            ? Html.Of($"""<p class="text" dir="auto">{text}</p>""")
            : Html.Of($"""<details class="text"><summary dir="auto"><span>{text}</span></summary></details>""");

    private static string Missing(IndexRow row) =>
        row.CandidatesExpected > row.CandidatesPresent ? string.Create(CultureInfo.InvariantCulture, $" {Counted.Of(row.CandidatesExpected, "caption was", "captions were")} expected, {row.CandidatesPresent} could be chosen.") : "";
}
