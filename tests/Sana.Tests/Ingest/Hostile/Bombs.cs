using System.Text;
using NetVips;

namespace Sana.Tests.Ingest.Hostile;

/// <summary>Little files that ask for much memory or time.</summary>
internal static class Bombs
{
    private const uint Huge = 50_000;
    private const int Large = 3_000; // 9 megapixels: allowed, and decoded to its end

    public static IEnumerable<HostileFile> All() =>
    [
        TooMany("50000x50000.png", PngBytes.File(PngBytes.Header(Huge, Huge, 1, 0), PngBytes.Chunk("IDAT", PngBytes.PackedZeros(Huge * (1L + (Huge / 8)))), PngBytes.End)),
        TooMany("2-billion.png", PngBytes.File(PngBytes.Header(int.MaxValue, 1, 8, 2), PngBytes.Chunk("IDAT", PngBytes.Pack(new byte[64])), PngBytes.End)),
        TooMany("60040x60040.gif", GifBytes.File(GifBytes.Start(60_040, 60_040), [.. Enumerable.Repeat(GifBytes.Frame(0, 0, 60_040, 60_040), 60)])),
        TooMany("frame-beyond-canvas.gif", GifBytes.File(GifBytes.Start(1, 1), GifBytes.Frame(60_000, 60_000, 5_000, 5_000))),
        TooMany("16383x16383.webp", WebpBytes.Flat(16_383, 16_383)),
        TooMany("65500x65500.jpg", JpegBytes.Resized(Pictures.Jpeg, 65_500, 65_500)),
        TooMany("10001x10001.jpg", JpegBytes.Resized(Pictures.Jpeg, 10_001, 10_001)),
        TooMany("90000x1.png", PngBytes.File(PngBytes.Header(90_000, 1, 8, 0), PngBytes.Chunk("IDAT", PngBytes.Pack(new byte[90_001])), PngBytes.End)),
        TooMany("1000000x1000000.tif", TiffBytes.File(TiffBytes.Grey(1_000_000, 1_000_000, TiffBytes.HeadBytes(9), 100), 0, new byte[100])),

        new("9000-squared-flat.webp", WebpBytes.Flat(9_000, 9_000), "too_many_pixels"), // few pixels enough, and too much memory for a format that is decoded as a whole
        new("3000-squared-flat.webp", WebpBytes.Flat(Large, Large), null),
        new("3000-squared-flat.png", FlatPng(0), null),
        new("3000-squared-interlaced.png", FlatPng(1), null),
        new("3000-squared-progressive.jpg", Pictures.Save(Flat(), image => image.JpegsaveBuffer(interlace: true, keep: Enums.ForeignKeep.None)), null),
        new("thousand-scans.jpg", JpegBytes.ManyScans(Pictures.ProgressiveJpeg, 1_000), "decode_error"),
        new("many-comments.jpg", JpegBytes.Insert(Pictures.Jpeg, [.. Enumerable.Repeat(JpegBytes.Segment(JpegBytes.Comment, "x"u8), 20_000)]), null),
        new("fill-bytes.jpg", [.. Pictures.Jpeg[..2], .. Enumerable.Repeat((byte)0xFF, 100_000), .. Pictures.Jpeg[2..]], null),
        new("packed-text.png", PngBytes.Insert(Pictures.Png, PngBytes.Chunk("zTXt", [.. "Comment\0\0"u8, .. PngBytes.PackedZeros(40_000_000)])), null),
        new("packed-texts.png", PngBytes.Insert(Pictures.Png, [.. Enumerable.Repeat(PngBytes.Chunk("iTXt", [.. "Comment\0\x01\0\0\0"u8, .. PngBytes.PackedZeros(40_000_000)]), 20)]), null),
        new("packed-profile.png", PngBytes.Insert(Pictures.Png, PngBytes.Chunk("iCCP", [.. "test\0\0"u8, .. PngBytes.Pack(IccBytes.Longer(IccBytes.AdobeRgb, 40_000_000))])), null, "icc_ignored"),
        new("long-text.png", PngBytes.Insert(Pictures.Png, PngBytes.Chunk("tEXt", [.. "Comment\0"u8, .. Enumerable.Repeat((byte)'x', 5_000_000)])), null),
        new("many-texts.png", PngBytes.Insert(Pictures.Png, [.. Enumerable.Repeat(PngBytes.Chunk("tEXt", "Comment\0x"u8), 20_000)]), null),
        new("many-empty-data-chunks.png", EmptyDataChunks(), null),
        new("many-frames.gif", GifBytes.File(GifBytes.Start(1, 1), [.. Enumerable.Repeat(GifBytes.Frame(), 9_000)]), null, "animated_first_frame"),
        TooMany("too-many-frames.gif", GifBytes.File(GifBytes.Start(1, 1), [.. Enumerable.Repeat(GifBytes.Frame(), 200_000)])),
        TooMany("too-many-frames.webp", WebpBytes.Animated(200_000)), // libwebp looks for each from the first on: hours
        TooMany("too-many-pages.tif", TiffBytes.Pages(50_000)),
        new("text-behind-the-end.jpg", [.. Pictures.Jpeg, .. Encoding.ASCII.GetBytes(new string('x', 1_000_000))], null),
    ];

    private static HostileFile TooMany(string name, byte[] bytes) => new(name, bytes, "too_many_pixels");

    private static byte[] EmptyDataChunks()
    {
        var at = PngBytes.DataOf(Pictures.Png, "IDAT") - 8;
        return [.. Pictures.Png[..at], .. Enumerable.Repeat(PngBytes.Chunk("IDAT", []), 20_000).SelectMany(chunk => chunk), .. Pictures.Png[at..]];
    }

    private static Image Flat() => Pictures.Flat(Large, Large, Enums.Interpretation.Bw, 90);

    private static byte[] FlatPng(byte interlace)
    {
        // Seven passes have their own line ends, so a few bytes more than plain lines: surplus zeros are more data than needed, which libpng reports; count
        // them exactly.
        long bytes = interlace == 0 ? Large * (1L + (3 * Large)) : Passes().Sum(pass => pass.Rows * (1L + (3 * pass.Columns)));
        return PngBytes.File(PngBytes.Header(Large, Large, 8, 2, interlace), PngBytes.Chunk("IDAT", PngBytes.PackedZeros(bytes)), PngBytes.End);
    }

    private static IEnumerable<(long Rows, long Columns)> Passes()
    {
        (int X, int Y, int Dx, int Dy)[] passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
        return passes.Select(pass => ((long)(Large - pass.Y + pass.Dy - 1) / pass.Dy, (long)(Large - pass.X + pass.Dx - 1) / pass.Dx));
    }
}
