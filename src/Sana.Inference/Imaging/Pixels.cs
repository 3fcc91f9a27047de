using System.Numerics.Tensors;

namespace Sana.Inference.Imaging;

/// <summary>Between the autoencoder's planes, [3, height, width] in about −1…1, and 8-bit pixels.</summary>
internal static class Pixels
{
    private static readonly float[] Levels = [.. Enumerable.Range(0, 256).Select(level => (level / 127.5f) - 1)];

    /// <summary>Decoded planes to pixels: x / 2 + 0.5, cut to 0…1, times 255, half to even.</summary>
    /// <param name="decoded">Finite; what is not a number would come out black, so ask <see cref="OutputGuard"/> first.</param>
    /// <param name="height">Rows of each plane.</param>
    /// <param name="width">Values in a row.</param>
    public static RgbImage FromDecoded(ReadOnlySpan<float> decoded, int height, int width) => FromDecoded(decoded, height, width, height, width);

    /// <summary>The same, resized to cover a target size and cropped to its centre before values are cut and rounded.</summary>
    /// <param name="decoded">One image, finite.</param>
    /// <param name="height">Rows of each plane.</param>
    /// <param name="width">Values in a row.</param>
    /// <param name="targetHeight">Rows of the image.</param>
    /// <param name="targetWidth">Pixels in a row of the image.</param>
    public static RgbImage FromDecoded(ReadOnlySpan<float> decoded, int height, int width, int targetHeight, int targetWidth)
    {
        var resize = (height, width) == (targetHeight, targetWidth) ? null : new ResizeAndCrop(height, width, targetHeight, targetWidth);
        var pixels = new byte[checked(3 * targetHeight * targetWidth)];
        var row = new float[targetWidth];
        var levels = new byte[targetWidth];

        for (var channel = 0; channel < 3; channel++)
        {
            var plane = decoded.Slice(channel * height * width, height * width);
            for (var y = 0; y < targetHeight; y++)
            {
                if (resize is null)
                {
                    plane.Slice(y * width, width).CopyTo(row);
                }
                else
                {
                    resize.Row(plane, y, row);
                }

                ToLevels(row, levels);
                var line = pixels.AsSpan(3 * y * targetWidth, 3 * targetWidth);
                for (var x = 0; x < levels.Length; x++)
                {
                    line[(3 * x) + channel] = levels[x];
                }
            }
        }

        return new RgbImage(targetWidth, targetHeight, pixels);
    }

    /// <summary>Pixels to the planes that the encoder reads: level / 127.5 − 1.</summary>
    /// <param name="image">8-bit pixels.</param>
    /// <param name="planes">Written: [3, height, width].</param>
    public static void ToPlanes(RgbImage image, Span<float> planes)
    {
        var count = image.Width * image.Height;
        var red = planes[..count];
        var green = planes.Slice(count, count);
        var blue = planes.Slice(2 * count, count);
        var pixels = image.Pixels.AsSpan(0, 3 * count);
        for (var i = 0; i < red.Length; i++)
        {
            red[i] = Levels[pixels[3 * i]];
            green[i] = Levels[pixels[(3 * i) + 1]];
            blue[i] = Levels[pixels[(3 * i) + 2]];
        }
    }

    // A row at a time: the passes stay in the first-level cache.
    private static void ToLevels(Span<float> row, Span<byte> levels)
    {
        TensorPrimitives.Multiply(row, 0.5f, row);
        TensorPrimitives.Add(row, 0.5f, row);
        TensorPrimitives.Clamp(row, 0f, 1f, row);
        TensorPrimitives.Multiply(row, 255, row);
        TensorPrimitives.Round(row, row);
        TensorPrimitives.ConvertSaturating<float, byte>(row, levels);
    }
}
