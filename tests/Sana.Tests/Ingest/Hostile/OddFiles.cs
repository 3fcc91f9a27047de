using NetVips;

namespace Sana.Tests.Ingest.Hostile;

/// <summary>Good pictures in odd files: wrong names, turned, animated, extreme sizes, broken metadata.</summary>
internal static class OddFiles
{
    public static IEnumerable<HostileFile> All() =>
    [
        new("png-named.jpg", Pictures.Png, null, "ext_fixed"),
        new("jpeg-named.png", Pictures.Jpeg, null, "ext_fixed"),
        new("gif-named.jpeg", Pictures.Gif, null, "ext_fixed"),
        new("webp-named.gif", Pictures.Webp, null, "ext_fixed"),
        new("tiff-named.webp", Pictures.Tiff, null, "ext_fixed"),
        new("jpeg-without-ending", Pictures.Jpeg, null),
        new("JPEG-IN-CAPITALS.JPG", Pictures.Jpeg, null),
        new("-rf.jpg", Pictures.Jpeg, null),
        new("line\nbreak.jpg", Pictures.Jpeg, null),
        new("quote\"'`$(touch x).jpg", Pictures.Jpeg, null),
        new("%2e%2e%2fpasswd.jpg", Pictures.Jpeg, null),
        new("bidi\u202Egpj.png", Pictures.Png, null),
        new("熊猫🐼 .webp", Pictures.Webp, null),
        new(new string('n', 240) + ".gif", Pictures.Gif, null),

        .. from orientation in Enumerable.Range(1, 8)
           select new HostileFile($"turned-{orientation}.jpg", JpegBytes.Insert(Pictures.CornerJpeg, JpegBytes.Orientation((byte)orientation)), null, orientation == 1 ? [] : ["exif_orientation_applied"]),
        new("turned.png", PngBytes.Insert(Pictures.CornerPng, PngBytes.Chunk("eXIf", JpegBytes.Exif(6))), null, "exif_orientation_applied"),
        new("usual-huffman-tables.jpg", JpegBytes.Without(Pictures.Jpeg, JpegBytes.Dht), null), // as in films of JPEG: decoders know the tables
        new("turned-to-nowhere.jpg", JpegBytes.Insert(Pictures.CornerJpeg, JpegBytes.Orientation(77)), null),
        Exif("garbage-exif.jpg", "garbage garbage garbage"u8),
        Exif("empty-exif.jpg", []),
        Exif("cut-exif.jpg", "MM\0*\0\0\0\x08\0\x05\x01\x12"u8),
        Exif("exif-beyond-the-end.jpg", "MM\0*\0\0\0\x08\0\x01\x01\x0E\0\x02\x7F\xFF\xFF\xFF\x7F\xFF\xFF\xF0\0\0\0\0"u8),
        new("zero-denominator.jpg", JpegBytes.Insert(Pictures.Jpeg, JpegBytes.Segment(JpegBytes.App1, ZeroDenominator())), null),
        Exif("no-entries-exif.jpg", "MM\0*\0\0\0\x08\0\0\0\0\0\x08"u8),
        new("xmp-no-utf8.jpg", JpegBytes.Insert(Pictures.Jpeg, JpegBytes.Segment(JpegBytes.App1, [.. "http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>"u8, 0xFF, 0xFE, 0x80])), null, "exif_ignored"),
        new("xmp-cut.jpg", JpegBytes.Insert(Pictures.Jpeg, JpegBytes.Segment(JpegBytes.App1, "http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><rdf:RDF "u8)), null, "exif_ignored"),

        new("animated.gif", Pictures.Save(Frames(3), image => image.GifsaveBuffer()), null, "animated_first_frame", "alpha_flattened"),
        new("animated.webp", Pictures.Save(Frames(3), image => image.WebpsaveBuffer(lossless: true)), null, "animated_first_frame"),
        new("animated.png", PngBytes.Insert(Pictures.Png, PngBytes.Chunk("acTL", [0, 0, 0, 7, 0, 0, 0, 0])), null, "animated_first_frame"),
        new("pages.tif", Pictures.Save(Frames(3), image => image.TiffsaveBuffer()), null, "first_page"),
        .. from size in new[] { (1, 1), (1, 2_000), (2_000, 1), (3, 2) }
           from format in new[] { "jpg", "png", "webp", "tif" }
           select new HostileFile($"{size.Item1}x{size.Item2}.{format}", Pictures.Save(Pictures.Textured(size.Item1, size.Item2), image => image.WriteToBuffer("." + format)), null),
        new("1x1.gif", GifBytes.File(GifBytes.Start(1, 1), GifBytes.Frame()), null),
        new("1x65500.png", Pictures.Save(Pictures.Flat(1, 65_500, Enums.Interpretation.Bw, 9), image => image.PngsaveBuffer()), null),
        new("65500x1.png", Pictures.Save(Pictures.Flat(65_500, 1, Enums.Interpretation.Bw, 9), image => image.PngsaveBuffer()), null),
    ];

    private static HostileFile Exif(string name, ReadOnlySpan<byte> block) =>
        new(name, JpegBytes.Insert(Pictures.Jpeg, JpegBytes.Segment(JpegBytes.App1, [.. "Exif\0\0"u8, .. block])), null, "exif_ignored");

    // One entry, XResolution, that names 1/0 behind the directory.
    private static byte[] ZeroDenominator() => [.. "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x1A\0\x05\0\0\0\x01\0\0\0\x1A\0\0\0\0\0\0\0\x01\0\0\0\0"u8];

    private static Image Frames(int count)
    {
        using var frame = Pictures.Textured();
        using var strip = Image.Arrayjoin([.. Enumerable.Repeat(frame, count).Select((same, i) => i == 0 ? same : same.Linear([1], [i], uchar: true))], across: 1);
        using var named = strip.Mutate(image =>
        {
            image.Set(GValue.GIntType, "page-height", Pictures.Height);
            image.Set(GValue.GIntType, "n-pages", count);
        });
        return named.CopyMemory();
    }
}
