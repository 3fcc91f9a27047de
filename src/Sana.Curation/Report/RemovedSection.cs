using System.Text;

namespace Sana.Curation.Report;

/// <summary>What is not in the shards, by reason: some of each, with its sentence; duplicates beside the image that they repeat.</summary>
internal sealed class RemovedSection(ReportView view, Pictures pictures, PageWriter page)
{
    public async Task Write(CancellationToken cancellationToken)
    {
        await page.Write(Html.Of($"""<section id="left-out" class="open"><h2>Left out</h2>{(view.Removed.Count == 0 ? Html.Of($"""<p class="empty">Nothing was.</p>""") : Html.Empty)}"""), cancellationToken);
        var left = view.Removed.Count;
        foreach (var (kind, sample) in view.Removed.OrderBy(removed => removed.Key.Status == "duplicate").ThenByDescending(removed => removed.Value.Offered))
        {
            // The room is shared evenly by the reasons that are still to come, so one with heavy pictures does not push out the next.
            var room = page.Left / left--;
            List<(int Shard, int Row, Html Tile)> tiles = [];
            await foreach (var (row, tile) in Pictures.InOrder(sample.Rows, Tile, cancellationToken))
            {
                room -= Encoding.UTF8.GetByteCount(tile.Text);
                if (room < 1_000)
                    break;
                tiles.Add((row.Shard, row.Row, tile));
            }

            await page.Write(Html.Of($"""
                <div class="removed" id="{RunSection.Anchor(kind)}">
                <h3><span class="pill {RunSection.Tone(kind.Status)}">{kind.Status}</span> <code>{kind.Reason}</code> <small>{Display.Number(sample.Offered)} {(sample.Offered == 1 ? "image" : "images")}{(tiles.Count < sample.Offered ? $", {tiles.Count} shown" : "")}</small></h3>
                <div class="tilegrid{(kind.Status == "duplicate" ? " two" : "")}">
                """), cancellationToken);
            foreach (var (_, _, tile) in tiles.OrderBy(tile => tile.Shard).ThenBy(tile => tile.Row))
                await page.Write(tile, cancellationToken);
            await page.Write(Html.Of($"</div></div>\n"), cancellationToken);
        }

        await page.Write(Html.Of($"</section>\n"), cancellationToken);
    }

    private async Task<Html> Tile(IndexRow row, CancellationToken cancellationToken)
    {
        var picture = await pictures.Draw(row, cancellationToken);
        if (row.DuplicateOf is not { } key)
        {
            return Html.Of($"""
                <figure>{picture}<figcaption><b><bdi>{Display.FileName(row)}</bdi></b><span dir="auto">{row.ErrorMessage}</span>{Candidates(row)}</figcaption></figure>

                """);
        }

        var first = view.Firsts.GetValueOrDefault(key);
        var repeated = first is null ? Html.Of($"""<div class="thumb box"><small>{PlainText.Cut(key, 64)}</small></div>""") : await pictures.Draw(first, cancellationToken);
        return Html.Of($"""
            <figure class="twins"><div>{picture}{repeated}</div>
            <figcaption><b><bdi>{Display.FileName(row)}</bdi></b><b>repeats <bdi>{(first is null ? PlainText.Cut(key, 64) : Display.FileName(first))}</bdi></b><span dir="auto">{row.ErrorMessage}</span></figcaption></figure>

            """);
    }

    private static Html Candidates(IndexRow row) => row.Candidates.Count == 0
        ? Html.Empty
        : Html.Of($"""<details><summary>{row.Candidates.Count} {(row.Candidates.Count == 1 ? "caption" : "captions")}</summary><ul>{Html.Join(row.Candidates.Select(candidate => Html.Of($"""<li><bdi>{candidate.Label}</bdi> {(candidate.Reason is { } reason ? Html.Of($"<code>{reason}</code>") : Html.Of($"{candidate.Score ?? 0:0.00}"))}</li>""")))}</ul></details>""");
}
