using System.Numerics.Tensors;

namespace Sana.Inference.Imaging;

/// <summary>
/// Enlarges or shrinks planes of decoded pixels until they cover a target size, then cuts its centre: bilinear, half-pixel centres, no antialiasing, as PyTorch's
/// <c>interpolate(mode="bilinear", align_corners=False)</c> does. It gives one row at a time, so no resized copy of a large image is ever held.
/// </summary>
internal sealed class ResizeAndCrop
{
    private readonly Axis _rows;
    private readonly Axis _columns;
    private readonly float[] _blend;

    /// <summary>Lays out the sampling; all sizes in pixels, 1 or more. One instance serves one thread.</summary>
    public ResizeAndCrop(int height, int width, int targetHeight, int targetWidth)
    {
        var scale = Math.Max((double)targetHeight / height, (double)targetWidth / width);

        // Truncation may fall one pixel short of the very side that decided the scale (736 · (416 / 736) is 415.99…), hence the Max.
        _rows = new Axis(height, Math.Max(targetHeight, (int)(height * scale)), targetHeight);
        _columns = new Axis(width, Math.Max(targetWidth, (int)(width * scale)), targetWidth);
        _blend = new float[width];
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
        {
            row[x] = (_blend[first[x]] * (1 - weights[x])) + (_blend[second[x]] * weights[x]);
        }
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
            var scale = (float)source / resized;      // float32, as the reference computes positions
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
