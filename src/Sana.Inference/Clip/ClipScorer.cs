using System.Buffers;
using System.Numerics.Tensors;
using Microsoft.ML.OnnxRuntime;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;
using Sana.Inference.Text;

namespace Sana.Inference.Clip;

/// <summary>
/// Scores how well texts fit images with a CLIP checkpoint (arXiv:2103.00020) whose graphs <c>sana build</c> has made: the cosine of their embeddings. Any number of threads may use one instance.
/// </summary>
public sealed class ClipScorer : IDisposable
{
    private const string Pixels = "pixel_values";
    private const string ImageEmbeddings = "image_embeds";
    private const string Ids = "input_ids";
    private const string TextEmbeddings = "text_embeds";

    private readonly OnnxModel _vision;
    private readonly OnnxModel _text;
    private readonly ClipTokenizer _tokenizer;
    private readonly ClipFacts _facts;
    private readonly ClipScorerOptions _options;

    private ClipScorer(OnnxModel vision, OnnxModel text, ClipTokenizer tokenizer, ClipFacts facts, ClipScorerOptions options)
    {
        (_vision, _text, _tokenizer, _facts, _options) = (vision, text, tokenizer, facts, options);
        Name = options.Name ?? ClipName.From(facts.Name);
    }

    /// <summary>The scorer's part of the column name, as <c>openai-vit-l-14</c> in <c>clip_score__openai-vit-l-14</c>: lower-case letters, digits and single hyphens.</summary>
    public string Name { get; }

    /// <summary>SHA-256 over the checkpoint's configs, its tokenizer and the headers, lengths and a sample of its weights, lower-case hex.</summary>
    public string Fingerprint => _facts.Fingerprint;

    /// <summary>Tokens that the text network reads, start and end included: 77 in every published checkpoint.</summary>
    public int ContextLength => _tokenizer.ContextLength;

    /// <summary>Loads the graphs of a checkpoint folder; weights are mapped from its files.</summary>
    /// <param name="checkpoint">The folder of the checkpoint.</param>
    /// <param name="options">Device, threads, batch.</param>
    /// <exception cref="InferenceException">A graph is missing or of another version, the tokenizer cannot be read or does not fit, the device is not there, an option is out of range.</exception>
    public static ClipScorer Load(string checkpoint, ClipScorerOptions options)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        var network = new OnnxModelOptions(options.Device, options.Threads, KeepMemory: true);
        var tokenizer = ClipTokenizer.Load(checkpoint);
        var vision = OnnxModel.Load(Path.Combine(checkpoint, "vision_model.onnx"), network, Pixels, ImageEmbeddings);
        OnnxModel? text = null;
        try
        {
            text = OnnxModel.Load(Path.Combine(checkpoint, "text_model.onnx"), network, Ids, TextEmbeddings);
            var facts = ClipFacts.From(vision.Metadata);
            CheckFit(checkpoint, facts, ClipFacts.From(text.Metadata), tokenizer);
            return new ClipScorer(vision, text, tokenizer, facts, options);
        }
        catch
        {
            vision.Dispose();
            text?.Dispose();
            throw;
        }
    }

    /// <summary>One embedding for each image, of length 1; not a number in every place where the network gave nothing finite.</summary>
    /// <param name="images">Any sizes.</param>
    /// <param name="cancellationToken">Stops between two nodes of the network.</param>
    /// <exception cref="InferenceException">An image has not as many bytes as its size implies.</exception>
    public float[][] EmbedImages(IReadOnlyList<RgbImage> images, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        foreach (var image in images)
            image.Check();
        return [.. images.Chunk(_options.BatchSize).SelectMany(batch => RunImages(batch, cancellationToken))];
    }

    /// <summary>One embedding for each text, of length 1, as <see cref="EmbedImages"/>; a text of more than <see cref="ContextLength"/> tokens is cut with its end token kept.</summary>
    /// <param name="texts">Any lengths.</param>
    /// <param name="cancellationToken">Stops between two nodes of the network.</param>
    public float[][] EmbedTexts(IReadOnlyList<string> texts, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        return RunTexts([.. texts.Select(text => ClipWindows.Split(text, _tokenizer).Windows[0])], cancellationToken);
    }

    /// <summary>Scores texts against one image.</summary>
    /// <param name="imageEmbedding">Of <see cref="EmbedImages"/>.</param>
    /// <param name="texts">Any lengths.</param>
    /// <param name="cancellationToken">Stops between two nodes of the network.</param>
    public ClipTextScore[] ScoreTexts(float[] imageEmbedding, IReadOnlyList<string> texts, CancellationToken cancellationToken = default) =>
        ScoreTexts([imageEmbedding], [texts], cancellationToken)[0];

    /// <summary>Scores each image's texts against it. The texts of all images run together, and equal texts only once.</summary>
    /// <param name="imageEmbeddings">Of <see cref="EmbedImages"/>.</param>
    /// <param name="texts">As many lists as images.</param>
    /// <param name="cancellationToken">Stops between two nodes of the network.</param>
    public ClipTextScore[][] ScoreTexts(
        IReadOnlyList<float[]> imageEmbeddings, IReadOnlyList<IReadOnlyList<string>> texts, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(imageEmbeddings);
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentOutOfRangeException.ThrowIfNotEqual(texts.Count, imageEmbeddings.Count);
        var read = texts.SelectMany(list => list).Distinct(StringComparer.Ordinal).ToDictionary(text => text, text => ClipWindows.Split(text, _tokenizer), StringComparer.Ordinal);
        var embeddings = new Queue<float[]>(RunTexts([.. read.Values.SelectMany(text => text.Windows)], cancellationToken));
        var windows = read.ToDictionary(text => text.Key, text => (float[][])[.. text.Value.Windows.Select(_ => embeddings.Dequeue())], StringComparer.Ordinal);
        return [.. imageEmbeddings.Zip(texts, (image, list) => (ClipTextScore[])[.. list.Select(text => Score(image, windows[text], read[text]))])];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _vision.Dispose();
        _text.Dispose();
    }

    private static ClipTextScore Score(float[] image, float[][] windows, ClipWindows text)
    {
        var scores = Array.ConvertAll(windows, window => 100.0 * TensorPrimitives.Dot(image, window));
        return new ClipTextScore(scores[0], scores.Average(), text.Tokens, text.Truncated);
    }

    private static void CheckFit(string checkpoint, ClipFacts vision, ClipFacts text, ClipTokenizer tokenizer)
    {
        if (vision.Fingerprint != text.Fingerprint)
            throw new InferenceException($"The two graphs of {checkpoint} are of different checkpoints; run `sana build --force` on it.");

        if (tokenizer.VocabularySize > text.VocabularySize || tokenizer.ContextLength > text.MaxPositions)
        {
            throw new InferenceException(
                $"The tokenizer of {checkpoint} has {tokenizer.VocabularySize} ids and {tokenizer.ContextLength} positions, its text network {text.VocabularySize} and {text.MaxPositions}; "
                + "use the tokenizer that belongs to it.");
        }
    }

    private float[][] RunImages(RgbImage[] images, CancellationToken cancellationToken)
    {
        var (preprocess, length) = (_facts.Preprocess, _facts.Preprocess.Length);
        var pixels = ArrayPool<float>.Shared.Rent(images.Length * length);
        try
        {
            var parallel = new ParallelOptions { MaxDegreeOfParallelism = _options.Threads == 0 ? -1 : _options.Threads, CancellationToken = cancellationToken };
            Parallel.For(0, images.Length, parallel, i => preprocess.Write(images[i], pixels.AsSpan(i * length, length)));
            var side = preprocess.Side;
            using var input = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, pixels.AsMemory(0, images.Length * length), [images.Length, 3, side, side]);
            return Run(_vision, Pixels, input, ImageEmbeddings, images.Length, cancellationToken);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(pixels);
        }
    }

    // Texts of similar lengths run together; a batch is padded to its longest text. Attention is causal and the first end token is read, so padding behind it changes nothing.
    private float[][] RunTexts(int[][] texts, CancellationToken cancellationToken)
    {
        var embeddings = new float[texts.Length][];
        foreach (var batch in Enumerable.Range(0, texts.Length).OrderBy(i => texts[i].Length).Chunk(_options.BatchSize))
        {
            var longest = texts[batch[^1]].Length;
            var ids = new long[batch.Length * longest];
            ids.AsSpan().Fill(_tokenizer.EndId);
            for (var i = 0; i < batch.Length; i++)
                TensorPrimitives.ConvertTruncating<int, long>(texts[batch[i]], ids.AsSpan(i * longest));

            using var input = OrtValue.CreateTensorValueFromMemory(ids, [batch.Length, longest]);
            var rows = Run(_text, Ids, input, TextEmbeddings, batch.Length, cancellationToken);
            for (var i = 0; i < batch.Length; i++)
                embeddings[batch[i]] = rows[i];
        }

        return embeddings;
    }

    private static float[][] Run(OnnxModel network, string input, OrtValue value, string output, int count, CancellationToken cancellationToken)
    {
        using var outputs = network.Run([(input, value)], [output], cancellationToken);
        var all = outputs[0].GetTensorDataAsSpan<float>();
        var width = all.Length / count;
        var rows = new float[count][];
        for (var i = 0; i < count; i++)
        {
            rows[i] = all.Slice(i * width, width).ToArray();
            var norm = TensorPrimitives.Norm<float>(rows[i]);
            TensorPrimitives.Divide(rows[i], norm > 0 && float.IsFinite(norm) ? norm : float.NaN, rows[i]);
        }

        return rows;
    }
}

/// <summary>
/// The ids of a text without padding, cut into windows where the context does not hold all of them. There are as few windows as cover the text, all full and evenly spaced; each has the start
/// and the end token. The first window is the truncated text, which the score is of.
/// </summary>
/// <param name="Windows">Ids of each window; one when nothing is cut.</param>
/// <param name="Tokens">Ids of the whole text, start and end token included.</param>
internal sealed record ClipWindows(IReadOnlyList<int[]> Windows, int Tokens)
{
    /// <summary>They cover some 4,800 tokens; in a longer text there are gaps between them.</summary>
    public const int MaxWindows = 64;

    public bool Truncated => Windows.Count > 1;

    public static ClipWindows Split(string text, ClipTokenizer tokenizer)
    {
        // A caption never has a million characters. The rest is ignored, so that one such text does not fail the others.
        var ids = tokenizer.EncodeUncut(text.Length <= UnicodeText.MaxLength ? text : text[..UnicodeText.MaxLength]);
        return new ClipWindows(Cut(ids, tokenizer.ContextLength, tokenizer.StartId, tokenizer.EndId), ids.Count);
    }

    /// <param name="ids">Start token, text, end token.</param>
    /// <param name="context">Ids that a window holds.</param>
    /// <param name="start">The start token.</param>
    /// <param name="end">The end token.</param>
    internal static int[][] Cut(List<int> ids, int context, int start, int end)
    {
        if (ids.Count <= context)
            return [[.. ids]];

        var (text, room) = (ids.Count - 2, Math.Max(context - 2, 1));
        var count = Math.Min((text + room - 1) / room, MaxWindows);
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            var from = count == 1 ? 0 : (int)((long)i * (text - room) / (count - 1));
            return (int[])[start, .. ids.GetRange(1 + from, room), end];
        })];
    }
}
