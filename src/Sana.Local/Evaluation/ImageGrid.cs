using Sana.Inference.Imaging;

namespace Sana.Local.Evaluation;

/// <summary>Images of one size side by side.</summary>
internal static class ImageGrid
{
    /// <param name="images">Row by row; where one is missing it stays white.</param>
    /// <param name="columns">Images in a row.</param>
    /// <param name="side">Pixels of an image's side.</param>
    public static RgbImage Of(IReadOnlyList<RgbImage?> images, int columns, int side)
    {
        var (width, rows) = (columns * side, (images.Count + columns - 1) / columns);
        var pixels = new byte[width * rows * side * 3];
        pixels.AsSpan().Fill(255);
        for (var i = 0; i < images.Count; i++)
        {
            for (var y = 0; images[i] is { } image && y < side; y++)
                image.Pixels.AsSpan(y * side * 3, side * 3).CopyTo(pixels.AsSpan(((((i / columns) * side) + y) * width * 3) + ((i % columns) * side * 3)));
        }

        return new(width, rows * side, pixels);
    }
}
