namespace Sana.Tests.Ingest.Hostile;

/// <summary>Files that are wrong inside: flipped bits, lying checksums, missing tables, loops.</summary>
internal static class DamagedFiles
{
    public static IEnumerable<HostileFile> All() =>
    [
        Bad("header-checksum.png", Flipped(Pictures.Png, 30)),
        Bad("data-checksum.png", Flipped(Pictures.Png, Pictures.Png.Length - 14)),
        Bad("flipped-data.png", Flipped(Pictures.Png, Pictures.Png.Length / 2)),
        Bad("line-ends-changed.png", [0x89, .. "PNG\n\x1A\n"u8, .. Pictures.Png[8..]]),
        Bad("no-width.png", PngBytes.File(PngBytes.Header(0, 8, 8, 0), PngBytes.Chunk("IDAT", PngBytes.Pack([0])), PngBytes.End)),
        Bad("no-palette.png", PngBytes.File(PngBytes.Header(2, 1, 8, 3), PngBytes.Chunk("IDAT", PngBytes.Pack([0, 0, 0])), PngBytes.End)),
        Bad("no-data.png", PngBytes.File(PngBytes.Header(8, 8, 8, 0), PngBytes.End)),
        Bad("too-little-data.png", PngBytes.File(PngBytes.Header(8, 8, 8, 0), PngBytes.Chunk("IDAT", PngBytes.Pack(new byte[9 * 4])), PngBytes.End)),
        Bad("bad-filter.png", PngBytes.File(PngBytes.Header(1, 1, 8, 0), PngBytes.Chunk("IDAT", PngBytes.Pack([9, 0])), PngBytes.End)),
        Bad("no-quantisation-table.jpg", JpegBytes.Without(Pictures.Jpeg, JpegBytes.Dqt)),
        Bad("no-frame.jpg", JpegBytes.Without(Pictures.Jpeg, JpegBytes.Sof0)),
        Bad("no-height.jpg", JpegBytes.Resized(Pictures.Jpeg, Pictures.Width, 0)),
        Bad("flipped-huffman-table.jpg", Flipped(Pictures.Jpeg, JpegBytes.Find(Pictures.Jpeg, JpegBytes.Dht) + 6)),
        Bad("taller-than-its-data.jpg", JpegBytes.Resized(Pictures.Jpeg, Pictures.Width, 4 * Pictures.Height)),
        Bad("start-and-end.jpg", [0xFF, 0xD8, 0xFF, 0xD9]),
        Bad("flipped-header.webp", Flipped(Pictures.Webp, 24)),
        Bad("flipped-lossless.webp", Flipped(Pictures.LosslessWebp, 27)),
        Bad("no-frame.webp", WebpBytes.File(WebpBytes.Chunk("VP8X", [0, 0, 0, 0, 9, 0, 0, 9, 0, 0]))),
        Bad("code-size.gif", GifBytes.File(GifBytes.Start(4, 4), GifBytes.Frame(codeSize: 200))),
        Bad("no-frame.gif", GifBytes.File(GifBytes.Start(4, 4))),
        Bad("garbage-between.gif", [.. GifBytes.Start(1, 1), .. GifBytes.Frame(), 0x77, .. GifBytes.Frame(), GifBytes.Trailer]),
        Bad("flipped-strip.tif", Flipped(Pictures.Tiff, 40)),
        Bad("looping-directory.tif", TiffBytes.File(TiffBytes.Grey(4, 4, TiffBytes.HeadBytes(9), 16), 8, new byte[16])),
        Bad("no-strips.tif", TiffBytes.File([TiffBytes.Entry(256, 4), TiffBytes.Entry(257, 4)], 0)),
        Bad("endless-strips.tif", TiffBytes.File([.. TiffBytes.Grey(4, 4, 200, 16)[..5], TiffBytes.Entry(273, 200, count: uint.MaxValue), TiffBytes.Entry(277, 1), TiffBytes.Entry(278, 1)], 0, new byte[64])),
    ];

    private static HostileFile Bad(string name, byte[] bytes) => new(name, bytes, "decode_error");

    private static byte[] Flipped(byte[] whole, int at)
    {
        var changed = (byte[])whole.Clone();
        changed[at] ^= 0x55;
        return changed;
    }
}
