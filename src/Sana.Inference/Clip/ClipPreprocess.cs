using System.Buffers;
using Microsoft.ML.OnnxRuntime;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;

namespace Sana.Inference.Clip;

/// <summary>
/// A decoded image to what the image tower reads, bit for bit as transformers does it with PIL. CLIPImageProcessor: resize so that the shorter side fits, cut
/// the middle, rescale, normalise; SiglipImageProcessor: resize the whole to the square, rescale, normalise.
/// Any number of threads may use one instance.
/// </summary>
internal sealed class ClipPreprocess
{
    private readonly int _edge;
    private readonly int _crop;
    private readonly bool _isStretched;
    private readonly PilFilter _filter = PilFilter.Bicubic;
    private readonly PixelLevels _levels;

    public ClipPreprocess(int shortestEdge, int cropSize, double rescaleFactor, IReadOnlyList<double> mean, IReadOnlyList<double> std)
    {
        (_edge, _crop) = (shortestEdge, cropSize);
        _levels = new PixelLevels(rescaleFactor, mean, std);
    }

    private ClipPreprocess(int side, PilFilter filter, PixelLevels levels) =>
        (_edge, _crop, _filter, _levels, _isStretched) = (side, side, filter, levels, true);

    /// <summary>As a graph says: of CLIP's kind where it names an edge to cut from, else stretched.</summary>
    /// <exception cref="InferenceException">A key is missing or not what it should be: the graph is of another version.</exception>
    public static ClipPreprocess From(GraphMetadata metadata) => metadata.Keys.Contains("shortest_edge") ? Cropped(metadata) : Stretched(
        metadata.Whole("image_size", 1, 65_536),
        metadata.Text("resample") switch
        {
            "bilinear" => PilFilter.Bilinear,
            "bicubic" => PilFilter.Bicubic,
            var other => throw metadata.Unusable("resample", other),
        },
        new PixelLevels(metadata.Number("rescale_factor"), metadata.Numbers("image_mean", 3), metadata.Numbers("image_std", 3)));

    /// <summary>As SigLIP and classifiers have it: nothing is cut off, a side is stretched.</summary>
    public static ClipPreprocess Stretched(int side, PilFilter filter, PixelLevels levels) => new(side, filter, levels);

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

    /// <summary>Runs a network on images.</summary>
    /// <param name="network">It reads <c>pixel_values</c>.</param>
    /// <param name="images">One batch.</param>
    /// <param name="threads">Images that are prepared at once; 0 for every core.</param>
    /// <param name="outputs">Names.</param>
    /// <param name="read">Takes the outputs, which are gone after it.</param>
    /// <param name="cancellationToken">Stops between two nodes of the network.</param>
    public T Run<T>(
        OnnxModel network, RgbImage[] images, int threads, IReadOnlyCollection<string> outputs, Func<IReadOnlyList<OrtValue>, T> read, CancellationToken cancellationToken)
    {
        var length = Length;
        var pixels = ArrayPool<float>.Shared.Rent(images.Length * length);
        try
        {
            var parallel = new ParallelOptions { MaxDegreeOfParallelism = threads == 0 ? -1 : threads, CancellationToken = cancellationToken };
            Parallel.For(0, images.Length, parallel, i => Write(images[i], pixels.AsSpan(i * length, length)));
            using var input = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, pixels.AsMemory(0, images.Length * length), [images.Length, 3, Side, Side]);
            using var values = network.Run([("pixel_values", input)], outputs, cancellationToken);
            return read(values);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(pixels);
        }
    }

    /// <summary>Resizes and crops to 8-bit pixels [crop, crop, 3]. The target has one byte more.</summary>
    public void Cut(RgbImage image, Span<byte> target, bool vectors = true)
    {
        var (width, height, left, top) = Layout(image.Width, image.Height);
        PilResize.Cut(image, (width, height), (left, top), (_crop, _crop), _filter, target, vectors);
    }

    private static ClipPreprocess Cropped(GraphMetadata metadata) => metadata.Text("resample") is var resample && resample != "bicubic"
        ? throw metadata.Unusable("resample", resample)
        : new ClipPreprocess(
            (int)metadata.Number("shortest_edge"),
            (int)metadata.Number("crop_size"),
            metadata.Number("rescale_factor"),
            metadata.Numbers("image_mean", 3),
            metadata.Numbers("image_std", 3));

    /// <summary>The size after the resize, and where the crop begins. The longer side and half of the margin are rounded down.</summary>
    internal (long Width, long Height, long Left, long Top) Layout(int width, int height)
    {
        if (_isStretched)
            return (_edge, _edge, 0, 0);

        var longer = (long)((double)((long)_edge * Math.Max(width, height)) / Math.Min(width, height));
        var (resizedWidth, resizedHeight) = width <= height ? (_edge, longer) : (longer, (long)_edge);
        return (resizedWidth, resizedHeight, (resizedWidth - _crop) / 2, (resizedHeight - _crop) / 2);
    }
}

/// <summary>What the graph builder read from the configs of a checkpoint of CLIP or SigLIP 2 and wrote into each of its graphs.</summary>
/// <param name="Family">Which of the two.</param>
/// <param name="Name">Of the checkpoint's folder, or <c>owner/name</c>.</param>
/// <param name="Fingerprint">SHA-256 over configs, tokenizer and the headers, lengths and a sample of the weights, lower-case hex.</param>
/// <param name="Preprocess">From pixels to the image tower's input.</param>
/// <param name="VocabularySize">Rows of the token table: ids must be below this.</param>
/// <param name="MaxPositions">Longest text in tokens; SigLIP reads every text at this length.</param>
/// <param name="Sigmoid">From cosines to probabilities; null for CLIP, which has none.</param>
internal sealed record ClipFacts(
    ScorerFamily Family, string Name, string Fingerprint, ClipPreprocess Preprocess, int VocabularySize, int MaxPositions, ClipSigmoid? Sigmoid)
{
    /// <exception cref="InferenceException">A key is missing or not what it should be: the graph is of another version.</exception>
    public static ClipFacts From(GraphMetadata metadata)
    {
        // Graphs of CLIP do not say what they are.
        var family = metadata.Keys.Contains("model_type") ? metadata.Text("model_type") switch
        {
            "siglip" => ScorerFamily.Siglip,
            var other => throw metadata.Unusable("model_type", other),
        } : ScorerFamily.Clip;
        return new ClipFacts(
            family,
            metadata.Text("checkpoint"),
            metadata.Text("fingerprint"),
            ClipPreprocess.From(metadata),
            metadata.Whole("vocab_size", 1, 2_000_000),
            metadata.Whole("max_position_embeddings", 1, 65_536),
            family == ScorerFamily.Siglip ? new ClipSigmoid(metadata.Number("logit_scale_exp"), metadata.Number("logit_bias")) : null);
    }
}

/// <summary>How SigLIP reads a score: as the logit of a probability that image and text belong together.</summary>
/// <param name="Scale">What a cosine is multiplied by.</param>
/// <param name="Bias">What is added then, below 0.</param>
internal sealed record ClipSigmoid(double Scale, double Bias)
{
    /// <summary>The logit of a score (100 × cosine); its sigmoid is the probability.</summary>
    public double Logit(double score) => (score / 100 * Scale) + Bias;

    /// <summary>The score whose probability is one half.</summary>
    public double Even => -100 * Bias / Scale;
}
