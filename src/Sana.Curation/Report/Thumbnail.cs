using System.Runtime.CompilerServices;
using NetVips;
using Sana.Inference.Imaging;
using Sana.Storage;

namespace Sana.Curation.Report;

/// <summary>A small JPEG of a normalised file.</summary>
internal static class Thumbnail
{
    private const long MaxPixels = 200_000_000;

    /// <summary>
    /// The picture; null for anything that is no readable JPEG or PNG, since those are the only formats that ingest writes and no other decoder shall run here.
    /// </summary>
    /// <param name="file">A normalised file.</param>
    /// <param name="side">Longest side in pixels; smaller images stay as they are.</param>
    /// <param name="quality">1…100.</param>
    public static SmallImage? Make(byte[] file, int side, int quality)
    {
        LibVips.Configure();
        try
        {
            // Not ThumbnailBuffer: whatever it is told of failing, it gives grey for what a cut file lacks.
            using var full = file switch
            {
                [0xFF, 0xD8, 0xFF, ..] => Jpeg(file, side),
                [0x89, (byte)'P', (byte)'N', (byte)'G', ..] => Image.PngloadBuffer(file, access: Enums.Access.Sequential, failOn: Enums.FailOn.Warning),
                _ => null,
            };
            if (full is null || (long)full.Width * full.Height > MaxPixels)
                return null;
            using var small = full.ThumbnailImage(side, height: side, size: Enums.Size.Down);
            using var opaque = small.HasAlpha() ? small.Flatten(background: [255, 255, 255]) : small.Copy();
            return new SmallImage(opaque.JpegsaveBuffer(q: quality, optimizeCoding: true, keep: Enums.ForeignKeep.None), opaque.Width, opaque.Height);
        }
        catch (VipsException)
        {
            return null;
        }
    }

    /// <summary>The decoder itself halves a large JPEG, once to three times, as long as twice the side remains for a good resize.</summary>
    private static Image Jpeg(byte[] file, int side)
    {
        using var header = Image.JpegloadBuffer(file, access: Enums.Access.Sequential);
        var shrink = 8;
        while (shrink > 1 && Math.Max(header.Width, header.Height) / shrink < 2 * side)
            shrink /= 2;
        return Image.JpegloadBuffer(file, shrink: shrink, access: Enums.Access.Sequential, failOn: Enums.FailOn.Warning);
    }
}

/// <summary>A JPEG and its pixels.</summary>
internal sealed record SmallImage(byte[] Jpeg, int Width, int Height);

/// <summary>Thumbnails as markup, or a drawn box where there is no picture.</summary>
internal sealed class Pictures(ReportOptions options, Func<IndexRow, CancellationToken, Task<byte[]?>> openImage)
{
    private static readonly int _atOnce = Math.Max(2, Environment.ProcessorCount);

    /// <summary>What <paramref name="draw"/> makes of each row, in the order of the rows; several are made at once.</summary>
    public static async IAsyncEnumerable<(IndexRow Row, Html Drawn)> InOrder(
        IEnumerable<IndexRow> rows, Func<IndexRow, CancellationToken, Task<Html>> draw, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var ahead = new Queue<(IndexRow Row, Task<Html> Drawing)>();
        try
        {
            foreach (var row in rows)
            {
                ahead.Enqueue((row, Task.Run(() => draw(row, stop.Token), stop.Token)));
                if (ahead.Count < _atOnce)
                    continue;
                var (first, drawing) = ahead.Dequeue();
                yield return (first, await drawing);
            }

            while (ahead.TryDequeue(out var next))
                yield return (next.Row, await next.Drawing);
        }
        finally
        {
            // The page is full, or a drawing failed: those that were begun end before what they read from is closed.
            await stop.CancelAsync();
            await Task.WhenAll(ahead.Select(next => (Task)next.Drawing)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public async Task<Html> Draw(IndexRow row, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var small = await openImage(row, cancellationToken) is { } file ? Thumbnail.Make(file, options.ThumbnailSide, options.ThumbnailQuality) : null;
        return small is null
            ? Box(row)
            : Html.Of($"""<img class="thumb" src="data:image/jpeg;base64,{new Html(Convert.ToBase64String(small.Jpeg))}" width="{small.Width}" height="{small.Height}" alt="{Display.FileName(row)}" loading="lazy" decoding="async">""");
    }

    private static Html Box(IndexRow row)
    {
        var pixels = Display.Pixels(row.OriginalWidth ?? row.Width, row.OriginalHeight ?? row.Height);
        return Html.Of($"""
            <div class="thumb box"><svg viewBox="0 0 32 32" aria-hidden="true"><path d="M4 6h24v20H4zM4 22l7-7 6 6 4-4 7 6"/><circle cx="21" cy="12" r="2"/><path class="strike" d="M3 29 29 3"/></svg><b>{row.Format?.ToUpperInvariant() ?? "no picture"}</b><small>{pixels}</small><small>{(row.Bytes is { } bytes ? Counted.Bytes(bytes) : "")}</small></div>
            """);
    }
}
