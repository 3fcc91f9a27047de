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
    private readonly PixelLevels _levels;

    public ClipPreprocess(int shortestEdge, int cropSize, double rescaleFactor, IReadOnlyList<double> mean, IReadOnlyList<double> std)
    {
        (_edge, _crop) = (shortestEdge, cropSize);
        _levels = new PixelLevels(rescaleFactor, mean, std);
    }

    /// <summary>Side of the square that the tower reads, in pixels.</summary>
    public int Side => _crop;

    /// <summary>Values of one image: [3, crop, crop].</summary>
    public int Length => 3 * _crop * _crop;

    /// <summary>Writes the normalised planes.</summary>
    /// <param name="image">Any size.</param>
    /// <param name="planes">[3, crop, crop].</param>
    public void Write(RgbImage image, Span<float> planes)
    {
        var bytes = ArrayPool<byte>.Shared.Rent(Length + 1);
        Cut(image, bytes);
        _levels.Write(bytes.AsSpan(0, Length), planes);
        ArrayPool<byte>.Shared.Return(bytes);
    }

    /// <summary>Resizes and cuts: 8-bit pixels [crop, crop, 3], and 1 byte to spare.</summary>
    public void Cut(RgbImage image, Span<byte> target, bool vectors = true)
    {
        var (width, height, left, top) = Layout(image.Width, image.Height);
        PilResize.Cut(image, (width, height), (left, top), (_crop, _crop), PilFilter.Bicubic, target, vectors);
    }

    /// <summary>The size after the resize, and where the crop begins: the longer side is cut to a whole number, the margin halved downwards.</summary>
    internal (long Width, long Height, long Left, long Top) Layout(int width, int height)
    {
        var longer = (long)((double)((long)_edge * Math.Max(width, height)) / Math.Min(width, height));
        var (resizedWidth, resizedHeight) = width <= height ? (_edge, longer) : (longer, (long)_edge);
        return (resizedWidth, resizedHeight, (resizedWidth - _crop) / 2, (resizedHeight - _crop) / 2);
    }
}
