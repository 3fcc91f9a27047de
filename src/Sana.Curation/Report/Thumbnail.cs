using NetVips;
using Sana.Inference.Imaging;

namespace Sana.Curation.Report;

/// <summary>A small JPEG of a normalised file.</summary>
internal static class Thumbnail
{
    private const long MaxPixels = 200_000_000;

    /// <summary>The picture; null for anything that is no readable JPEG or PNG, since those are the only formats that ingest writes and no other decoder shall run here.</summary>
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
