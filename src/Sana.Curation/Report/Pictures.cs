using Sana.Curation.Shards;

namespace Sana.Curation.Report;

/// <summary>Thumbnails as markup, or a drawn box where there is no picture.</summary>
internal sealed class Pictures(ReportOptions options, Func<IndexRow, CancellationToken, Task<byte[]?>> openImage)
{
    public async Task<Html> Draw(IndexRow row, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var small = await openImage(row, cancellationToken) is { } file ? Thumbnail.Make(file, options.ThumbnailSide, options.ThumbnailQuality) : null;
        return small is null
            ? Box(row)
            : Html.Of($"""<img class="thumb" src="data:image/jpeg;base64,{new Html(Convert.ToBase64String(small.Jpeg))}" width="{small.Width}" height="{small.Height}" alt="{Words.FileName(row)}" loading="lazy" decoding="async">""");
    }

    private static Html Box(IndexRow row)
    {
        var pixels = Words.Pixels(row.OriginalWidth ?? row.Width, row.OriginalHeight ?? row.Height);
        return Html.Of($"""
            <div class="thumb box"><svg viewBox="0 0 32 32" aria-hidden="true"><path d="M4 6h24v20H4zM4 22l7-7 6 6 4-4 7 6"/><circle cx="21" cy="12" r="2"/><path class="strike" d="M3 29 29 3"/></svg><b>{row.Format?.ToUpperInvariant() ?? "no picture"}</b><small>{pixels}</small><small>{(row.Bytes is { } bytes ? Words.Bytes(bytes) : "")}</small></div>
            """);
    }
}
