using System.Numerics.Tensors;

namespace Sana.Inference.Imaging;

/// <summary>Converts between the autoencoder's planes, [3, height, width] around −1…1, and 8-bit pixels.</summary>
internal static class Pixels
{
    private static readonly float[] Levels = [.. Enumerable.Range(0, 256).Select(level => (level / 127.5f) - 1)];

    /// <summary>Decoded planes to pixels: resized to cover the target size and cropped to its centre, then x / 2 + 0.5, clamped to 0…1, times 255, rounded half to even.</summary>
    /// <param name="decoded">One image, finite: NaN would become black, so check with <see cref="OutputGuard"/> first.</param>
    /// <param name="height">Rows of each plane.</param>
    /// <param name="width">Values in a row.</param>
    /// <param name="targetHeight">Rows of the image.</param>
    /// <param name="targetWidth">Pixels in a row of the image.</param>
    /// <param name="stretches">Nothing is cropped: what was stretched on the way in is where it was.</param>
    public static RgbImage FromDecoded(ReadOnlySpan<float> decoded, int height, int width, int targetHeight, int targetWidth, bool stretches = false)
    {
        var resize = (height, width) == (targetHeight, targetWidth) ? null : new ResizeAndCrop(height, width, targetHeight, targetWidth, stretches);
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
                    line[(3 * x) + channel] = levels[x];
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

    // One row at a time, so that it stays in the first-level cache.
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

/// <summary>8-bit pixels to the planes that an image network reads, as transformers' image processors do it: rescaled in double, stored as float32, then normalised in float32.</summary>
internal sealed class PixelLevels
{
    private readonly float[] _values = new float[3 * 256]; // [channel, level]

    public PixelLevels(double rescaleFactor, IReadOnlyList<double> mean, IReadOnlyList<double> std)
    {
        for (var i = 0; i < _values.Length; i++)
        {
            var rescaled = (float)(i % 256 * rescaleFactor);
            _values[i] = (rescaled - (float)mean[i / 256]) / (float)std[i / 256];
        }
    }

    /// <summary>Writes [3, count] of pixels [count, 3].</summary>
    public void Write(ReadOnlySpan<byte> pixels, Span<float> planes)
    {
        var count = planes.Length / 3;
        var red = planes[..count];
        var green = planes.Slice(count, count);
        var blue = planes.Slice(2 * count, count);
        var values = _values.AsSpan();
        for (var i = 0; i < red.Length; i++)
        {
            red[i] = values[pixels[3 * i]];
            green[i] = values[256 + pixels[(3 * i) + 1]];
            blue[i] = values[512 + pixels[(3 * i) + 2]];
        }
    }
}

/// <summary>
/// Resizes planes of decoded pixels to cover a target size, then crops to its centre: bilinear, half-pixel centres, no antialiasing, as PyTorch's
/// <c>interpolate(mode="bilinear", align_corners=False)</c>. It gives one row at a time, so there is no resized copy of the image.
/// </summary>
internal sealed class ResizeAndCrop
{
    private readonly Axis _rows;
    private readonly Axis _columns;
    private readonly float[] _blend;

    /// <summary>Computes the sampling positions. All sizes are in pixels, 1 or more. For one thread at a time.</summary>
    public ResizeAndCrop(int height, int width, int targetHeight, int targetWidth, bool stretches = false)
    {
        _blend = new float[width];
        if (stretches)
        {
            (_rows, _columns) = (new Axis(height, targetHeight, targetHeight), new Axis(width, targetWidth, targetWidth));
            return;
        }

        var scale = Math.Max((double)targetHeight / height, (double)targetWidth / width);

        // Truncation may fall one pixel short of the very side that decided the scale (736 · (416 / 736) is 415.99…), hence the Max.
        _rows = new Axis(height, Math.Max(targetHeight, (int)(height * scale)), targetHeight);
        _columns = new Axis(width, Math.Max(targetWidth, (int)(width * scale)), targetWidth);
    }

    /// <summary>Writes row <paramref name="y"/> of the target.</summary>
    /// <param name="plane">One channel of the source, [height, width].</param>
    /// <param name="y">0…targetHeight − 1.</param>
    /// <param name="row">targetWidth values.</param>
    public void Row(ReadOnlySpan<float> plane, int y, Span<float> row)
    {
        var width = _blend.Length;
        var weight = _rows.Weight[y];
        TensorPrimitives.Multiply(plane.Slice(_rows.First[y] * width, width), 1 - weight, _blend);
        TensorPrimitives.MultiplyAdd(plane.Slice(_rows.Second[y] * width, width), weight, _blend, _blend);

        var (first, second, weights) = (_columns.First, _columns.Second, _columns.Weight);
        for (var x = 0; x < row.Length; x++)
            row[x] = (_blend[first[x]] * (1 - weights[x])) + (_blend[second[x]] * weights[x]);
    }

    /// <summary>For each target position: the two source positions it lies between and the weight of the second.</summary>
    private sealed class Axis
    {
        public Axis(int source, int resized, int target)
        {
            First = new int[target];
            Second = new int[target];
            Weight = new float[target];

            var crop = (resized - target) / 2;
            var scale = (float)source / resized;      // positions are float32, as in PyTorch
            for (var i = 0; i < target; i++)
            {
                var position = Math.Max(0, (scale * (i + crop + 0.5f)) - 0.5f);
                First[i] = Math.Min((int)position, source - 1);
                Second[i] = Math.Min(First[i] + 1, source - 1);
                Weight[i] = Math.Min(position - First[i], 1);
            }
        }

        public int[] First { get; }

        public int[] Second { get; }

        public float[] Weight { get; }
    }
}
