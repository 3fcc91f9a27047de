using System.Text.Unicode;
using NetVips;

namespace Sana.Curation.Ingest;

/// <summary>EXIF and XMP as far as ingest cares: whether they can be believed. Their content travels no further.</summary>
internal static class Metadata
{
    /// <summary>Whether a block of either kind is there and broken.</summary>
    public static bool IsBroken(Image image) =>
        (image.Contains("exif-data") && image.Get("exif-data") is byte[] exif && IsBrokenExif(exif))
        || (image.Contains("xmp-data") && image.Get("xmp-data") is byte[] xmp && !IsXmp(xmp));

    private static bool IsBrokenExif(ReadOnlySpan<byte> exif) => TiffTags.Of(exif.StartsWith("Exif\0\0"u8) ? exif[6..] : exif).IsBroken;

    // A packet may come in UTF-16 by its own standard, and nobody writes it so.
    private static bool IsXmp(ReadOnlySpan<byte> xmp) => Utf8.IsValid(xmp) && xmp.TrimEnd("\0 \r\n\t"u8).EndsWith(">"u8);
}
