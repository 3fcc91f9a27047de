using System.Text;

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
        foreach (var row in view.Gallery.Rows)
        {
            var card = ImageCard.Draw(row, view, await pictures.Draw(row, cancellationToken));
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
            return shown == 1 ? "The one image that has captions." : $"All {Words.Number(shown)} images that have captions.";
        var why = shown < Math.Min(offered, view.Options.Images) ? $" More do not fit into a page of {Words.Bytes(view.Options.MaxBytes)}." : "";
        return $"{Words.Number(shown)} of {Words.Number(offered)} images that have captions, spread over the whole dataset.{why}";
    }
}
