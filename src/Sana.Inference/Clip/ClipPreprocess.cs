using System.Buffers;
using Sana.Inference.Imaging;

namespace Sana.Inference.Clip;

/// <summary>
/// A decoded image to what the image tower reads, bit for bit as transformers' CLIPImageProcessor does it with PIL: resize so that the shorter side fits, cut the middle, rescale, normalise.
/// Immutable: any number of threads may use one.
/// </summary>
internal sealed class ClipPreprocess
{
    private readonly int _edge;
    private readonly int _crop;
    private readonly float[] _values = new float[3 * 256]; // [channel, level]

    public ClipPreprocess(int shortestEdge, int cropSize, double rescaleFactor, IReadOnlyList<double> mean, IReadOnlyList<double> std)
    {
        (_edge, _crop) = (shortestEdge, cropSize);
        for (var i = 0; i < _values.Length; i++)
        {
            var rescaled = (float)(i % 256 * rescaleFactor); // in double, stored as float32; the rest is float32
            _values[i] = (rescaled - (float)mean[i / 256]) / (float)std[i / 256];
        }
    }

    /// <summary>Side of the square that the tower reads, in pixels.</summary>
    public int Side => _crop;

    /// <summary>Values of one image: [3, crop, crop].</summary>
    public int Length => 3 * _crop * _crop;

    /// <exception cref="InferenceException">The image has not as many bytes as its size implies.</exception>
    public static void Check(RgbImage image)
    {
        if (image.Width < 1 || image.Height < 1 || image.Pixels.Length != 3L * image.Width * image.Height)
        {
            throw new InferenceException($"An image of {image.Width}×{image.Height} pixels needs {3L * image.Width * image.Height} bytes and has {image.Pixels.Length}.");
        }
    }

    /// <summary>Writes the normalised planes.</summary>
    /// <param name="image">Any size.</param>
    /// <param name="planes">[3, crop, crop].</param>
    public void Write(RgbImage image, Span<float> planes)
    {
        var bytes = ArrayPool<byte>.Shared.Rent(Length + 1);
        Cut(image, bytes);
        var count = _crop * _crop;
        var red = planes[..count];
        var green = planes.Slice(count, count);
        var blue = planes.Slice(2 * count, count);
        var pixels = bytes.AsSpan(0, Length);
        var values = _values.AsSpan();
        for (var i = 0; i < red.Length; i++)
        {
            red[i] = values[pixels[3 * i]];
            green[i] = values[256 + pixels[(3 * i) + 1]];
            blue[i] = values[512 + pixels[(3 * i) + 2]];
        }

        ArrayPool<byte>.Shared.Return(bytes);
    }

    /// <summary>Resizes and cuts: 8-bit pixels [crop, crop, 3], and 1 byte to spare.</summary>
    public void Cut(RgbImage image, Span<byte> target, bool vectors = true)
    {
        var (width, height, left, top) = Layout(image.Width, image.Height);
        var columns = new ResampleWeights(image.Width, width, left, _crop);
        var rows = new ResampleWeights(image.Height, height, top, _crop);
        var ((x, right), (y, bottom)) = (columns.Range, rows.Range);
        var source = image.Pixels.AsSpan((3 * ((y * image.Width) + x))..); // what no pass needs is left out on each side
        var stride = 3 * image.Width;

        // Pillow since 13: where the height loses more than twice as many pixels as the width.
        if (image.Height > height && image.Height - height > 2 * (image.Width - width))
        {
            var between = ArrayPool<byte>.Shared.Rent(3 * (right - x) * _crop);
            ResamplePasses.Vertical(source, stride, rows, y, 3 * (right - x), between, vectors);
            ResamplePasses.Horizontal(between.AsSpan(0, 3 * (right - x) * _crop), 3 * (right - x), _crop, columns, x, target, vectors);
            ArrayPool<byte>.Shared.Return(between);
        }
        else
        {
            var between = ArrayPool<byte>.Shared.Rent((3 * _crop * (bottom - y)) + 1);
            ResamplePasses.Horizontal(source, stride, bottom - y, columns, x, between, vectors);
            ResamplePasses.Vertical(between, 3 * _crop, rows, y, 3 * _crop, target, vectors);
            ArrayPool<byte>.Shared.Return(between);
        }
    }

    /// <summary>The size after the resize, and where the crop begins: the longer side is cut to a whole number, the margin halved downwards.</summary>
    internal (long Width, long Height, long Left, long Top) Layout(int width, int height)
    {
        var longer = (long)((double)((long)_edge * Math.Max(width, height)) / Math.Min(width, height));
        var (resizedWidth, resizedHeight) = width <= height ? (_edge, longer) : (longer, (long)_edge);
        return (resizedWidth, resizedHeight, (resizedWidth - _crop) / 2, (resizedHeight - _crop) / 2);
    }
}
