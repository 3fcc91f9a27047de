using System.Numerics.Tensors;
using Microsoft.ML.OnnxRuntime;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;

namespace Sana.Inference.Clip;

/// <summary>
/// Scores how well texts fit images with a checkpoint of CLIP (arXiv:2103.00020) or SigLIP 2 (arXiv:2502.14786) whose graphs <c>sana build</c> has made:
/// 100 × the cosine of their embeddings. The graphs say which family it is. Any number of threads may use one instance.
/// </summary>
public sealed class ClipScorer : IDisposable
{
    private const string Pixels = "pixel_values";
    private const string ImageEmbeddings = "image_embeds";
    private const string Ids = "input_ids";
    private const string TextEmbeddings = "text_embeds";

    private readonly OnnxModel _vision;
    private readonly OnnxModel _text;
    private readonly ScorerTokens _tokens;
    private readonly ClipFacts _facts;
    private readonly ClipScorerOptions _options;

    private ClipScorer(OnnxModel vision, OnnxModel text, ScorerTokens tokens, ClipFacts facts, ClipScorerOptions options)
    {
        (_vision, _text, _tokens, _facts, _options) = (vision, text, tokens, facts, options);
        Name = options.Name ?? (facts.Family == ScorerFamily.Siglip ? ClipName.OfSiglip(facts.Name) : ClipName.From(facts.Name));
    }

    /// <summary>
    /// The scorer's part of the column name, as <c>openai-vit-l-14</c> in <c>clip_score__openai-vit-l-14</c>: lower-case letters, digits and single hyphens.
    /// That of SigLIP says <c>siglip</c>.
    /// </summary>
    public string Name { get; }

    /// <summary>Which networks score.</summary>
    public ScorerFamily Family => _facts.Family;

    /// <summary>
    /// The score at which SigLIP holds it as likely as not that image and text belong together: its probability is
    /// sigmoid(score / 100 · exp(<c>logit_scale</c>) + <c>logit_bias</c>). Null for CLIP.
    /// </summary>
    public double? EvenScore => _facts.Sigmoid?.Even;

    /// <summary>SHA-256 over the checkpoint's configs, its tokenizer and the headers, lengths and a sample of its weights, and the precision where it is not float32, lower-case hex.</summary>
    public string Fingerprint => _facts.Fingerprint;

    /// <summary>What its layers compute in.</summary>
    public Precision Precision => _options.Precision;

    /// <summary>Tokens that the text network reads, start and end included: 77 in every published checkpoint of CLIP, 64 in those of SigLIP 2.</summary>
    public int ContextLength => _tokens.ContextLength;

    /// <summary>Numbers of an embedding: 768 of openai/clip-vit-large-patch14.</summary>
    public int Width => _vision.WidthOf(ImageEmbeddings);

    /// <summary>From scores to logits; null for CLIP.</summary>
    internal ClipSigmoid? Sigmoid => _facts.Sigmoid;

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
        var vision = OnnxModel.Load(Path.Combine(checkpoint, options.Precision.FileOf("vision_model")), network, Pixels, ImageEmbeddings);
        OnnxModel? text = null;
        try
        {
            text = OnnxModel.Load(Path.Combine(checkpoint, options.Precision.FileOf("text_model")), network, Ids, TextEmbeddings);
            var facts = ClipFacts.From(vision.Metadata);
            var tokens = facts.Family == ScorerFamily.Siglip ? ScorerTokens.Siglip(checkpoint, facts.MaxPositions) : ScorerTokens.Clip(checkpoint);
            CheckFit(checkpoint, facts, ClipFacts.From(text.Metadata), tokens);
            return new ClipScorer(vision, text, tokens, facts, options);
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
        return RunTexts([.. texts.Select(text => ClipWindows.Split(text, _tokens).Windows[0])], cancellationToken);
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
        var read = texts.SelectMany(list => list).Distinct(StringComparer.Ordinal).ToDictionary(text => text, text => ClipWindows.Split(text, _tokens), StringComparer.Ordinal);
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

    private static void CheckFit(string checkpoint, ClipFacts vision, ClipFacts text, ScorerTokens tokens)
    {
        if (vision.Fingerprint != text.Fingerprint)
            throw new InferenceException($"The two graphs of {checkpoint} are of different checkpoints; run `sana build --force` on it.");

        if (tokens.VocabularySize > text.VocabularySize || tokens.ContextLength > text.MaxPositions)
        {
            throw new InferenceException(
                $"The tokenizer of {checkpoint} has {tokens.VocabularySize} ids and {tokens.ContextLength} positions, its text network {text.VocabularySize} and {text.MaxPositions}; "
                + "use the tokenizer that belongs to it.");
        }
    }

    private float[][] RunImages(RgbImage[] images, CancellationToken cancellationToken) =>
        _facts.Preprocess.Run(_vision, images, _options.Threads, [ImageEmbeddings], values => Rows(values[0], images.Length), cancellationToken);

    // Texts of similar lengths run together; a batch is padded to its longest text, or to the whole context where padding is read.
    private float[][] RunTexts(int[][] texts, CancellationToken cancellationToken)
    {
        var embeddings = new float[texts.Length][];
        foreach (var batch in Enumerable.Range(0, texts.Length).OrderBy(i => texts[i].Length).Chunk(_options.BatchSize))
        {
            var longest = _tokens.IsPaddingRead ? _tokens.ContextLength : texts[batch[^1]].Length;
            var ids = new long[batch.Length * longest];
            ids.AsSpan().Fill(_tokens.PadId);
            for (var i = 0; i < batch.Length; i++)
                TensorPrimitives.ConvertTruncating<int, long>(texts[batch[i]], ids.AsSpan(i * longest));

            using var input = OrtValue.CreateTensorValueFromMemory(ids, [batch.Length, longest]);
            using var outputs = _text.Run([(Ids, input)], [TextEmbeddings], cancellationToken);
            var rows = Rows(outputs[0], batch.Length);
            for (var i = 0; i < batch.Length; i++)
                embeddings[batch[i]] = rows[i];
        }

        return embeddings;
    }

    private static float[][] Rows(OrtValue output, int count)
    {
        var all = output.GetTensorDataAsSpan<float>();
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
