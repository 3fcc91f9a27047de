using System.Numerics.Tensors;
using Sana.Inference.Imaging;

namespace Sana.Benchmarks.Clip;

/// <summary>The same cubic without PIL's rounding, as one writes it first: planes of float32, a product of rows across and a sum of rows down.</summary>
internal static class FloatBicubic
{
    /// <summary>Planes [3, side, side] of a square image's shorter side resized to <paramref name="side"/>.</summary>
    public static float[] Resize(RgbImage image, int side)
    {
        var (columns, rows) = (new ResampleWeights(image.Width, side, 0, side, PilFilter.Bicubic), new ResampleWeights(image.Height, side, 0, side, PilFilter.Bicubic));
        var planes = new float[3 * side * side];
        var (line, between) = (new float[image.Width], new float[image.Height * side]);
        var (across, down) = (Floats(columns), Floats(rows));
        for (var channel = 0; channel < 3; channel++)
        {
            for (var y = 0; y < image.Height; y++)
            {
                for (var x = 0; x < line.Length; x++) line[x] = image.Pixels[(3 * ((y * image.Width) + x)) + channel];
                for (var x = 0; x < side; x++)
                {
                    var taps = across.AsSpan(x * columns.Taps, columns.Used[x]);
                    between[(y * side) + x] = TensorPrimitives.Dot(taps, line.AsSpan(columns.First[x], taps.Length));
                }
            }

            for (var y = 0; y < side; y++)
            {
                var row = planes.AsSpan(((channel * side) + y) * side, side);
                for (var t = 0; t < rows.Used[y]; t++)
                    TensorPrimitives.MultiplyAdd(between.AsSpan((rows.First[y] + t) * side, side), down[(y * rows.Taps) + t], row, row);
            }
        }

        return planes;
    }

    private static float[] Floats(ResampleWeights weights) => Array.ConvertAll(weights.Values, value => value / (float)(1 << ResampleWeights.Bits));
}
