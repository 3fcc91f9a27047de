using System.Buffers;

namespace Sana.Inference.Imaging;

/// <summary>
/// Resizing as Pillow does it for 8-bit images, bit for bit: antialiased (the filter widens when an image shrinks), weights in fixed point, and what is between the two passes rounded to
/// 8 bits. Preprocessing of published networks was made with it, and no other library rounds like it.
/// </summary>
internal static class PilResize
{
    /// <summary>Resizes an image and cuts a window out of the result; what the window does not need is never computed.</summary>
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
        var source = image.Pixels.AsSpan((3 * ((y * image.Width) + x))..); // what no pass needs is left out on each side
        var stride = 3 * image.Width;

        // Pillow since 13: where the height loses more than twice as many pixels as the width.
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
    /// <summary>A triangle of radius 1.</summary>
    Bilinear = 2,

    /// <summary>Keys' cubic of radius 2 with a = −0.5.</summary>
    Bicubic = 3,
}
