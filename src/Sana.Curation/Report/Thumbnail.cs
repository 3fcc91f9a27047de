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
        if (file is not ([0xFF, 0xD8, 0xFF, ..] or [0x89, (byte)'P', (byte)'N', (byte)'G', ..]))
            return null;
        LibVips.Configure();
        try
        {
            using (var header = Image.NewFromBuffer(file, access: Enums.Access.Sequential))
            {
                if ((long)header.Width * header.Height > MaxPixels)
                    return null;
            }

            using var small = Image.ThumbnailBuffer(file, side, height: side, size: Enums.Size.Down, failOn: Enums.FailOn.Error);
            using var opaque = small.HasAlpha() ? small.Flatten(background: [255, 255, 255]) : small.Copy();
            return new SmallImage(opaque.JpegsaveBuffer(q: quality, optimizeCoding: true, keep: Enums.ForeignKeep.None), opaque.Width, opaque.Height);
        }
        catch (VipsException)
        {
            return null;
        }
    }
}

/// <summary>A JPEG and its pixels.</summary>
internal sealed record SmallImage(byte[] Jpeg, int Width, int Height);
