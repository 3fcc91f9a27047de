using System.Buffers;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;

namespace Sana.Inference.Clip;

/// <summary>
/// A decoded image to what the image tower reads, bit for bit as transformers' CLIPImageProcessor does it with PIL: resize so that the shorter side fits, cut the middle, rescale, normalise.
/// Any number of threads may use one instance.
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

    /// <summary>Resizes and crops to 8-bit pixels [crop, crop, 3]. The target has one byte more.</summary>
    public void Cut(RgbImage image, Span<byte> target, bool vectors = true)
    {
        var (width, height, left, top) = Layout(image.Width, image.Height);
        PilResize.Cut(image, (width, height), (left, top), (_crop, _crop), PilFilter.Bicubic, target, vectors);
    }

    /// <summary>The size after the resize, and where the crop begins. The longer side and half of the margin are rounded down.</summary>
    internal (long Width, long Height, long Left, long Top) Layout(int width, int height)
    {
        var longer = (long)((double)((long)_edge * Math.Max(width, height)) / Math.Min(width, height));
        var (resizedWidth, resizedHeight) = width <= height ? (_edge, longer) : (longer, (long)_edge);
        return (resizedWidth, resizedHeight, (resizedWidth - _crop) / 2, (resizedHeight - _crop) / 2);
    }
}

/// <summary>What the graph builder read from a CLIP checkpoint's configs and wrote into each of its graphs.</summary>
/// <param name="Name">Of the checkpoint's folder, or <c>owner/name</c>.</param>
/// <param name="Fingerprint">SHA-256 over configs, tokenizer and the headers, lengths and a sample of the weights, lower-case hex.</param>
/// <param name="Preprocess">From pixels to the image tower's input.</param>
/// <param name="VocabularySize">Rows of the token table: ids must be below this.</param>
/// <param name="MaxPositions">Longest text in tokens.</param>
internal sealed record ClipFacts(string Name, string Fingerprint, ClipPreprocess Preprocess, int VocabularySize, int MaxPositions)
{
    /// <exception cref="InferenceException">A key is missing or not what it should be: the graph is of another version.</exception>
    public static ClipFacts From(GraphMetadata metadata)
    {
        if (metadata.Text("resample") is var resample && resample != "bicubic")
            throw metadata.Unusable("resample", resample);

        var preprocess = new ClipPreprocess(
            (int)metadata.Number("shortest_edge"),
            (int)metadata.Number("crop_size"),
            metadata.Number("rescale_factor"),
            metadata.Numbers("image_mean", 3),
            metadata.Numbers("image_std", 3));
        return new ClipFacts(
            metadata.Text("checkpoint"),
            metadata.Text("fingerprint"),
            preprocess,
            (int)metadata.Number("vocab_size"),
            (int)metadata.Number("max_position_embeddings"));
    }
}
