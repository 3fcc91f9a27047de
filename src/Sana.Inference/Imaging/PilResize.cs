using System.Buffers;

namespace Sana.Inference.Imaging;

/// <summary>
/// Resizing as Pillow does it for 8-bit images, bit for bit: antialiased (the filter widens when an image shrinks), weights in fixed point, rounded to 8 bits between the two passes.
/// Published networks were trained with it, and no other library rounds like it.
/// </summary>
internal static class PilResize
{
    /// <summary>Resizes an image and crops the result to a window. Only the window is computed.</summary>
    /// <param name="image">Any size.</param>
    /// <param name="size">Width and height that the whole image becomes.</param>
    /// <param name="start">Left and top of the window.</param>
    /// <param name="window">Its width and height.</param>
    /// <param name="filter">Pillow's.</param>
    /// <param name="target">Pixels of the window, [height, width, 3], and 1 byte to spare.</param>
    /// <param name="vectors">Whether vectors may be used; the bits are the same.</param>
    public static void Cut(
        RgbImage image, (long Width, long Height) size, (long Left, long Top) start, (int Width, int Height) window, PilFilter filter, Span<byte> target, bool vectors = true)
    {
        var columns = new ResampleWeights(image.Width, size.Width, start.Left, window.Width, filter);
        var rows = new ResampleWeights(image.Height, size.Height, start.Top, window.Height, filter);
        var ((x, right), (y, bottom)) = (columns.Range, rows.Range);
        var source = image.Pixels.AsSpan((3 * ((y * image.Width) + x))..); // without the pixels on each side that no pass needs
        var stride = 3 * image.Width;

        // Since Pillow 13, the vertical pass is first where the height loses more than twice as many pixels as the width.
        if (image.Height > size.Height && image.Height - size.Height > 2 * (image.Width - size.Width))
        {
            var length = 3 * (right - x) * window.Height;
            var between = ArrayPool<byte>.Shared.Rent(length);
            ResamplePasses.Vertical(source, stride, rows, y, 3 * (right - x), between, vectors);
            ResamplePasses.Horizontal(between.AsSpan(0, length), 3 * (right - x), window.Height, columns, x, target, vectors);
            ArrayPool<byte>.Shared.Return(between);
        }
        else
        {
            var between = ArrayPool<byte>.Shared.Rent((3 * window.Width * (bottom - y)) + 1);
            ResamplePasses.Horizontal(source, stride, bottom - y, columns, x, between, vectors);
            ResamplePasses.Vertical(between, 3 * window.Width, rows, y, 3 * window.Width, target, vectors);
            ArrayPool<byte>.Shared.Return(between);
        }
    }
}

/// <summary>Pillow's filters, with its own numbers.</summary>
internal enum PilFilter
{
    /// <summary>A windowed sinc of radius 3.</summary>
    Lanczos = 1,

    /// <summary>A triangle of radius 1.</summary>
    Bilinear = 2,

    /// <summary>Keys' cubic of radius 2 with a = −0.5.</summary>
    Bicubic = 3,
}

/// <summary>
/// Pillow's filter along one axis (widened by the scale when shrinking), as weights in 22-bit fixed point for a part of the target. Sums of integers do not depend on their order,
/// so a pass may use vectors and still give Pillow's bits.
/// </summary>
internal sealed class ResampleWeights
{
    public const int Bits = 22;

    /// <param name="source">Pixels of the source along this axis.</param>
    /// <param name="resized">Pixels that they become.</param>
    /// <param name="start">First of those that are wanted.</param>
    /// <param name="count">How many are wanted.</param>
    /// <param name="filter">Which.</param>
    public ResampleWeights(int source, long resized, long start, int count, PilFilter filter)
    {
        var (weigh, radius) = filter switch
        {
            PilFilter.Lanczos => ((Func<double, double>)Lanczos, 3),
            PilFilter.Bicubic => (Cubic, 2),
            _ => (Triangle, 1),
        };
        var scale = (double)source / resized;
        var widened = Math.Max(scale, 1);
        var support = radius * widened;
        Taps = ((int)Math.Ceiling(support) * 2) + 1;
        First = new int[count];
        Used = new int[count];
        Values = new int[count * Taps];
        var exact = new double[Taps];
        for (var i = 0; i < count; i++)
        {
            var center = (start + i + 0.5) * scale;
            var first = Math.Max(0, (int)(center - support + 0.5));
            var end = Math.Min(source, (int)(center + support + 0.5));
            (First[i], Used[i]) = (first, end - first);
            Fill(weigh, exact.AsSpan(0, end - first), first, center, 1 / widened, Values.AsSpan(i * Taps));
        }
    }

    /// <summary>Room for the weights of one target pixel; those behind <see cref="Used"/> are 0.</summary>
    public int Taps { get; }

    /// <summary>First source pixel of each target pixel.</summary>
    public int[] First { get; }

    /// <summary>Source pixels of each target pixel.</summary>
    public int[] Used { get; }

    /// <summary>[target pixel, <see cref="Taps"/>].</summary>
    public int[] Values { get; }

    /// <summary>The source pixels that any target pixel needs: first, and the one behind the last.</summary>
    public (int Start, int End) Range => (First[0], First[^1] + Used[^1]);

    /// <summary>The weights of one target pixel.</summary>
    public ReadOnlySpan<int> For(int target) => Values.AsSpan(target * Taps, Used[target]);

    private static void Fill(Func<double, double> weigh, Span<double> exact, int first, double center, double narrow, Span<int> weights)
    {
        var sum = 0d;
        for (var i = 0; i < exact.Length; i++)
        {
            exact[i] = weigh((i + first - center + 0.5) * narrow);
            sum += exact[i];
        }

        for (var i = 0; i < exact.Length; i++)
        {
            var weight = exact[i] / sum * (1 << Bits);
            weights[i] = (int)(weight + (weight < 0 ? -0.5 : 0.5));
        }
    }

    private static double Lanczos(double x) => x is >= -3 and < 3 ? Sinc(x) * Sinc(x / 3) : 0;

    private static double Sinc(double x) => x == 0 ? 1 : Math.Sin(x * Math.PI) / (x * Math.PI);

    private static double Triangle(double x) => Math.Max(0, 1 - Math.Abs(x));

    private static double Cubic(double x)
    {
        const double a = -0.5;
        x = Math.Abs(x);
        return x < 1 ? ((((a + 2) * x) - (a + 3)) * x * x) + 1 : x < 2 ? ((((x - 5) * x) + 8) * x - 4) * a : 0;
    }
}
