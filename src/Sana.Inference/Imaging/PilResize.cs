namespace Sana.Inference.Imaging;

/// <summary>
/// Resampling as Pillow does it for 8-bit images, bit for bit: antialiased (the filter widens when an image shrinks), weights in fixed point of 22 bits, columns first, and
/// what is between the two passes rounded to 8 bits. Preprocessing of published networks was made with it, and no other library rounds like it. (From version 13 on Pillow takes
/// rows first where the height loses more than twice as many pixels as the width; the networks are older.)
/// </summary>
internal static class PilResize
{
    private const int Precision = 32 - 8 - 2; // eight bits of result, two for sums outside of it
    private const int Half = 1 << (Precision - 1);

    /// <summary>The image at another size; the image itself when it has that size.</summary>
    public static RgbImage Resize(RgbImage image, int width, int height, PilFilter filter)
    {
        var pixels = image.Pixels;
        if (width != image.Width)
        {
            pixels = Columns(pixels, image.Width, image.Height, new Taps(image.Width, width, filter), width);
        }

        if (height != image.Height)
        {
            pixels = Rows(pixels, width, new Taps(image.Height, height, filter), height);
        }

        return pixels == image.Pixels ? image : new RgbImage(width, height, pixels);
    }

    private static byte[] Columns(byte[] source, int sourceWidth, int height, Taps taps, int width)
    {
        var target = new byte[checked(3 * width * height)];
        for (var y = 0; y < height; y++)
        {
            var row = source.AsSpan(3 * y * sourceWidth, 3 * sourceWidth);
            var line = target.AsSpan(3 * y * width, 3 * width);
            for (var x = 0; x < width; x++)
            {
                var weights = taps.Of(x, out var first);
                var seen = row.Slice(3 * first, 3 * weights.Length);
                int red = Half, green = Half, blue = Half;
                for (var i = 0; i < weights.Length; i++)
                {
                    var weight = weights[i];
                    red += seen[3 * i] * weight;
                    green += seen[(3 * i) + 1] * weight;
                    blue += seen[(3 * i) + 2] * weight;
                }

                (line[3 * x], line[(3 * x) + 1], line[(3 * x) + 2]) = (Level(red), Level(green), Level(blue));
            }
        }

        return target;
    }

    private static byte[] Rows(byte[] source, int width, Taps taps, int height)
    {
        var length = 3 * width;
        var target = new byte[checked(length * height)];
        var sums = new int[length];
        for (var y = 0; y < height; y++)
        {
            Array.Fill(sums, Half);
            var weights = taps.Of(y, out var first);
            for (var i = 0; i < weights.Length; i++)
            {
                var row = source.AsSpan((first + i) * length, length);
                var weight = weights[i];
                for (var x = 0; x < sums.Length; x++)
                {
                    sums[x] += row[x] * weight;
                }
            }

            var line = target.AsSpan(y * length, length);
            for (var x = 0; x < sums.Length; x++)
            {
                line[x] = Level(sums[x]);
            }
        }

        return target;
    }

    private static byte Level(int sum) => (byte)Math.Clamp(sum >> Precision, 0, 255);

    /// <summary>Which positions of the source each position of the target is mixed from, and their weights in fixed point.</summary>
    private sealed class Taps
    {
        private readonly int[] _first;
        private readonly int[] _count;
        private readonly int[] _weights;
        private readonly int _most;

        public Taps(int source, int target, PilFilter filter)
        {
            var scale = (double)source / target;
            var stretch = Math.Max(scale, 1);
            var support = (filter == PilFilter.Bicubic ? 2 : 1) * stretch;
            _most = ((int)Math.Ceiling(support) * 2) + 1;
            (_first, _count, _weights) = (new int[target], new int[target], new int[checked(target * _most)]);

            Span<double> exact = new double[_most];
            for (var at = 0; at < target; at++)
            {
                var center = (at + 0.5) * scale;
                var first = Math.Max(0, (int)(center - support + 0.5));
                var count = Math.Min(source, (int)(center + support + 0.5)) - first;
                var total = 0.0;
                for (var i = 0; i < count; i++)
                {
                    exact[i] = Weight((i + first - center + 0.5) * (1 / stretch), filter);
                    total += exact[i];
                }

                for (var i = 0; i < count; i++)
                {
                    var weight = total == 0 ? exact[i] : exact[i] / total;
                    _weights[(at * _most) + i] = (int)((weight < 0 ? -0.5 : 0.5) + (weight * (1 << Precision)));
                }

                (_first[at], _count[at]) = (first, count);
            }
        }

        public ReadOnlySpan<int> Of(int at, out int first)
        {
            first = _first[at];
            return _weights.AsSpan(at * _most, _count[at]);
        }

        // Bicubic is Keys' kernel with a = −0.5.
        private static double Weight(double x, PilFilter filter) => (filter, Math.Abs(x)) switch
        {
            (PilFilter.Bilinear, < 1 and var d) => 1 - d,
            (PilFilter.Bicubic, < 1 and var d) => (((1.5 * d) - 2.5) * d * d) + 1,
            (PilFilter.Bicubic, < 2 and var d) => ((((d - 5) * d) + 8) * d - 4) * -0.5,
            _ => 0,
        };
    }
}

/// <summary>Pillow's filters, with its own numbers.</summary>
internal enum PilFilter
{
    /// <summary>A triangle of radius 1.</summary>
    Bilinear = 2,

    /// <summary>Keys' cubic of radius 2.</summary>
    Bicubic = 3,
}
