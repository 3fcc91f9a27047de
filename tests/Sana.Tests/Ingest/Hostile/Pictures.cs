using NetVips;

namespace Sana.Tests.Ingest.Hostile;

/// <summary>Small good pictures in every format: what damage is done to.</summary>
internal static class Pictures
{
    public const int Width = 96;
    public const int Height = 64;

    /// <summary>Each quarter one colour: upper left, upper right, lower left, lower right.</summary>
    public static readonly byte[][] Corners = [[220, 40, 30], [30, 190, 60], [40, 60, 210], [240, 220, 50]];

    public static byte[] Jpeg { get; } = Save(Textured(), image => image.JpegsaveBuffer(q: 90, keep: Enums.ForeignKeep.None));

    public static byte[] ProgressiveJpeg { get; } = Save(Textured(), image => image.JpegsaveBuffer(q: 90, interlace: true, keep: Enums.ForeignKeep.None));

    public static byte[] CornerJpeg { get; } = Save(Quarters(), image => image.JpegsaveBuffer(q: 100, subsampleMode: Enums.ForeignSubsample.Off, keep: Enums.ForeignKeep.None));

    public static byte[] Png { get; } = Save(Textured(), image => image.PngsaveBuffer(keep: Enums.ForeignKeep.None));

    public static byte[] CornerPng { get; } = Save(Quarters(), image => image.PngsaveBuffer(keep: Enums.ForeignKeep.None));

    public static byte[] InterlacedPng { get; } = Save(Textured(), image => image.PngsaveBuffer(interlace: true, keep: Enums.ForeignKeep.None));

    public static byte[] Webp { get; } = Save(Textured(), image => image.WebpsaveBuffer(q: 80, keep: Enums.ForeignKeep.None));

    public static byte[] LosslessWebp { get; } = Save(Textured(), image => image.WebpsaveBuffer(lossless: true, keep: Enums.ForeignKeep.None));

    public static byte[] Gif { get; } = Save(Textured(), image => image.GifsaveBuffer(keep: Enums.ForeignKeep.None));

    public static byte[] Tiff { get; } = Save(Textured(), image => image.TiffsaveBuffer(compression: Enums.ForeignTiffCompression.Deflate, keep: Enums.ForeignKeep.None));

    /// <summary>Ramps with a fixed grain: compresses to something, and every part of it matters.</summary>
    public static Image Textured(int width = Width, int height = Height) => OfLevels(width, height, 3, Enums.BandFormat.Uchar, Enums.Interpretation.Srgb, [..
        from y in Enumerable.Range(0, height) from x in Enumerable.Range(0, width) from band in Enumerable.Range(0, 3)
        select (byte)((((x * 255 / width) * (3 - band)) + ((y * 255 / height) * band)) / 3 ^ ((x * 7) + (y * 13) + (band * 29) + (x * y % 11)) % 32)]);

    public static Image Quarters() => OfLevels(Width, Height, 3, Enums.BandFormat.Uchar, Enums.Interpretation.Srgb, [..
        from y in Enumerable.Range(0, Height) from x in Enumerable.Range(0, Width) from level in Corners[(y < Height / 2 ? 0 : 2) + (x < Width / 2 ? 0 : 1)] select level]);

    /// <summary>One colour everywhere.</summary>
    public static Image Flat(int width, int height, Enums.Interpretation interpretation, params byte[] colour) =>
        OfLevels(width, height, colour.Length, Enums.BandFormat.Uchar, interpretation, [.. Enumerable.Repeat(colour, width * height).SelectMany(levels => levels)]);

    /// <summary>The same in 16 bits.</summary>
    public static Image Flat16(int width, int height, Enums.Interpretation interpretation, params ushort[] colour)
    {
        using var raw = Image.NewFromMemory(Enumerable.Repeat(colour, width * height).SelectMany(levels => levels).ToArray(), width, height, colour.Length, Enums.BandFormat.Ushort);
        using var named = raw.Copy(interpretation: interpretation);
        return named.CopyMemory();
    }

    public static byte[] Save(Image image, Func<Image, byte[]> save)
    {
        using (image)
            return save(image);
    }

    /// <summary>Adds a metadata block before saving, with all that the format keeps.</summary>
    public static byte[] SaveWith(Image image, string field, byte[] block, Func<Image, byte[]> save)
    {
        using (image)
        {
            using var labelled = image.Mutate(file => file.Set(GValue.BlobType, field, block));
            return save(labelled);
        }
    }

    private static Image OfLevels(int width, int height, int bands, Enums.BandFormat format, Enums.Interpretation interpretation, byte[] levels)
    {
        using var raw = Image.NewFromMemory(levels, width, height, bands, format);
        using var named = raw.Copy(interpretation: interpretation);
        return named.CopyMemory();
    }
}
