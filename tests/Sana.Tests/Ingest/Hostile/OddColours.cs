using NetVips;

namespace Sana.Tests.Ingest.Hostile;

/// <summary>Good pictures whose pixels are not 8-bit sRGB in three bands.</summary>
internal static class OddColours
{
    private const string Icc = "icc-profile-data";

    public static byte[] CmykJpeg { get; } = Pictures.Save(Cmyk(), image => image.JpegsaveBuffer(q: 95, keep: Enums.ForeignKeep.None));

    public static IEnumerable<HostileFile> All() =>
    [
        new("cmyk-without-profile.jpg", CmykJpeg, null, "cmyk_naive"),
        new("cmyk-with-profile.jpg", Pictures.SaveWith(Cmyk(), Icc, CmykProfile(), image => image.JpegsaveBuffer(q: 95, keep: Enums.ForeignKeep.Icc)), null, "icc_converted"),
        new("ycck-without-profile.jpg", Ycck(CmykJpeg), null, "cmyk_naive"),
        new("cmyk-with-broken-profile.jpg", JpegBytes.Insert(CmykJpeg, JpegBytes.Profile(new byte[200])), null, "icc_ignored", "cmyk_naive"),
        new("cmyk.tif", Pictures.Save(Cmyk(), image => image.TiffsaveBuffer(keep: Enums.ForeignKeep.None)), null, "cmyk_naive"),
        new("adobe-rgb.png", Tagged(IccBytes.AdobeRgb), null, "icc_converted"),
        new("adobe-rgb.jpg", Pictures.SaveWith(Pictures.Quarters(), Icc, IccBytes.AdobeRgb, image => image.JpegsaveBuffer(keep: Enums.ForeignKeep.Icc)), null, "icc_converted"),
        new("adobe-rgb.webp", Pictures.SaveWith(Pictures.Quarters(), Icc, IccBytes.AdobeRgb, image => image.WebpsaveBuffer(lossless: true, keep: Enums.ForeignKeep.Icc)), null, "icc_converted"),
        new("adobe-rgb.tif", Pictures.SaveWith(Pictures.Quarters(), Icc, IccBytes.AdobeRgb, image => image.TiffsaveBuffer(keep: Enums.ForeignKeep.Icc)), null, "icc_converted"),
        new("broken-profile.png", Tagged([.. "not a profile"u8, .. new byte[150]]), null, "icc_ignored"),
        new("cut-profile.png", Tagged(IccBytes.AdobeRgb[..200]), null, "icc_ignored"),
        new("cut-profile.jpg", JpegBytes.Insert(Pictures.Jpeg, JpegBytes.Profile(IccBytes.AdobeRgb[..300])), null, "icc_ignored"),
        new("zeroed-profile.jpg", JpegBytes.Insert(Pictures.Jpeg, JpegBytes.Profile([.. IccBytes.AdobeRgb[..240], .. new byte[IccBytes.AdobeRgb.Length - 240]])), null, "icc_ignored"),
        new("wrong-space-profile.jpg", JpegBytes.Insert(Pictures.Jpeg, JpegBytes.Profile(CmykProfile()[..200])), null, "icc_ignored"),
        new("wrong-space-profile.png", Tagged(CmykProfile()), null, "icc_ignored"),
        new("broken-profile.jpg", JpegBytes.Insert(Pictures.Jpeg, JpegBytes.Profile([1, 2, 3])), null, "icc_ignored"),
        new("16-bit.png", Pictures.Save(Pictures.Flat16(8, 8, Enums.Interpretation.Rgb16, 0x1234, 0x8080, 0xFFFF), Png), null),
        new("16-bit-alpha.png", Pictures.Save(Pictures.Flat16(8, 8, Enums.Interpretation.Rgb16, 0, 0, 0, 0x8000), Png), null, "alpha_flattened"),
        new("16-bit.tif", Pictures.Save(Pictures.Flat16(8, 8, Enums.Interpretation.Rgb16, 0x1234, 0x8080, 0xFFFF), Tiff), null),
        new("grey.png", Pictures.Save(Pictures.Flat(8, 8, Enums.Interpretation.Bw, 77), Png), null),
        new("grey.jpg", Pictures.Save(Pictures.Flat(8, 8, Enums.Interpretation.Bw, 77), image => image.JpegsaveBuffer(keep: Enums.ForeignKeep.None)), null),
        new("grey-16-bit.png", Pictures.Save(Pictures.Flat16(8, 8, Enums.Interpretation.Grey16, 0x4D4D), Png), null),
        new("grey-alpha.png", Pictures.Save(Pictures.Flat(8, 8, Enums.Interpretation.Bw, 77, 0), Png), null, "alpha_flattened"),
        new("one-bit.png", PngBytes.File(PngBytes.Header(8, 2, 1, 0), PngBytes.Chunk("IDAT", PngBytes.Pack([0, 0xAA, 0, 0x55])), PngBytes.End), null),
        new("palette.png", Palette(), null),
        new("palette-transparent.png", Palette(PngBytes.Chunk("tRNS", [0])), null, "alpha_flattened"),
        new("colour-key.png", PngBytes.File(PngBytes.Header(2, 1, 8, 0), PngBytes.Chunk("tRNS", [0, 9]), PngBytes.Chunk("IDAT", PngBytes.Pack([0, 9, 200])), PngBytes.End), null, "alpha_flattened"),
        new("transparent.png", Pictures.Save(Pictures.Flat(8, 8, Enums.Interpretation.Srgb, 200, 0, 0, 0), Png), null, "alpha_flattened"),
        new("transparent.webp", Pictures.Save(Pictures.Flat(8, 8, Enums.Interpretation.Srgb, 200, 0, 0, 0), image => image.WebpsaveBuffer(lossless: true)), null, "alpha_flattened"),
        new("transparent.tif", Pictures.Save(Pictures.Flat(8, 8, Enums.Interpretation.Srgb, 200, 0, 0, 0), Tiff), null, "alpha_flattened"),
        new("lab.tif", Pictures.Save(Lab(), Tiff), null),
        new("float.tif", Pictures.Save(Float(), Tiff), null),
        new("five-bands.tif", Pictures.Save(Pictures.Flat(8, 8, Enums.Interpretation.Multiband, 1, 2, 3, 4, 5, 6), Tiff), "unsupported_format"),
        new("unknown-tags.tif", TiffBytes.File([.. TiffBytes.Grey(4, 4, TiffBytes.HeadBytes(11), 16), TiffBytes.Entry(65_000, 1), TiffBytes.Entry(65_001, 2)], 0, new byte[16]), null),
    ];

    private static byte[] Png(Image image) => image.PngsaveBuffer(keep: Enums.ForeignKeep.None);

    private static byte[] Tiff(Image image) => image.TiffsaveBuffer(keep: Enums.ForeignKeep.None);

    private static byte[] Tagged(byte[] profile) => PngBytes.Insert(Pictures.CornerPng, PngBytes.Chunk("iCCP", [.. "test\0\0"u8, .. PngBytes.Pack(profile)]));

    private static byte[] Palette(params byte[][] more) => PngBytes.File(
        [PngBytes.Header(2, 1, 8, 3), PngBytes.Chunk("PLTE", [255, 0, 0, 0, 0, 255]), .. more, PngBytes.Chunk("IDAT", PngBytes.Pack([0, 0, 1])), PngBytes.End]);

    private static Image Cmyk() => Pictures.Flat(32, 32, Enums.Interpretation.Cmyk, 0, 200, 200, 0);

    // libvips carries a profile of print colours; converting to it and looking is how one gets a copy.
    private static byte[] CmykProfile()
    {
        using var image = Pictures.Flat(1, 1, Enums.Interpretation.Srgb, 1, 2, 3);
        using var lab = image.Colourspace(Enums.Interpretation.Lab);
        using var printed = lab.IccExport(outputProfile: "cmyk", depth: 8);
        return (byte[])printed.Get(Icc);
    }

    // The byte of the Adobe segment that says how the four components are coded.
    private static byte[] Ycck(byte[] cmyk)
    {
        var changed = (byte[])cmyk.Clone();
        changed[JpegBytes.Find(changed, JpegBytes.App14) + 15] = 2;
        return changed;
    }

    private static Image Lab()
    {
        using var image = Pictures.Quarters();
        using var lab = image.Colourspace(Enums.Interpretation.Lab);
        return lab.CopyMemory();
    }

    private static Image Float()
    {
        using var raw = Image.NewFromMemory(new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity, 0.5f, 1, -1 }, 2, 1, 3, Enums.BandFormat.Float);
        using var named = raw.Copy(interpretation: Enums.Interpretation.Scrgb);
        return named.CopyMemory();
    }
}
