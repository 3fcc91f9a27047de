using Sana.Inference.Imaging;

namespace TinySana.Torch;

/// <summary>Many square images in one PNG.</summary>
internal static class ContactSheet
{
    private const int Gap = 2;

    /// <param name="path">Where; the folder is made.</param>
    /// <param name="images">Each side × side × 3 bytes, rows from the top, RGB; placed row by row.</param>
    /// <param name="side">Pixels on a side of one.</param>
    /// <param name="columns">Images in a row.</param>
    public static void Save(string path, IReadOnlyList<byte[]> images, int side, int columns)
    {
        var (width, height) = ((columns * (side + Gap)) - Gap, (((images.Count + columns - 1) / columns) * (side + Gap)) - Gap);
        var sheet = new byte[width * height * 3];
        Array.Fill(sheet, byte.MaxValue);
        for (var i = 0; i < images.Count; i++)
        {
            var (left, top) = (i % columns * (side + Gap), i / columns * (side + Gap));
            for (var row = 0; row < side; row++)
                images[i].AsSpan(row * side * 3, side * 3).CopyTo(sheet.AsSpan((((top + row) * width) + left) * 3));
        }

        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        File.WriteAllBytes(path, ImageCodec.Encode(new RgbImage(width, height, sheet), ImageFormat.Png));
    }
}
