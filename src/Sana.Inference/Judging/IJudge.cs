using Sana.Inference.Clip;
using Sana.Inference.Imaging;

namespace Sana.Inference.Judging;

/// <summary>Gives each image one number, of the image alone or of how a text fits it. Any number of threads may use one instance.</summary>
public interface IJudge : IDisposable
{
    /// <summary>Of the checkpoint or file behind it.</summary>
    string Name { get; }

    /// <summary>SHA-256 over what its numbers depend on, lower-case hex.</summary>
    string Fingerprint { get; }

    /// <summary>What its numbers mean.</summary>
    JudgeScale Scale { get; }

    /// <summary>One number an image, or a text where there are no images, in their order; not a number where a network gave none that is finite.</summary>
    /// <param name="images">Any sizes.</param>
    /// <param name="cancellationToken">Stops between two nodes of a network.</param>
    /// <exception cref="InferenceException">An image has not as many bytes as its size implies, or a judge of texts is given none.</exception>
    double[] Score(JudgedImages images, CancellationToken cancellationToken = default);
}

/// <summary>What the numbers of a judge mean. Numbers of two judges are two scales.</summary>
/// <param name="Unit">In words, such as <c>probability of nsfw</c>.</param>
/// <param name="Least">The lowest that is to be expected.</param>
/// <param name="Most">The highest that is to be expected.</param>
public sealed record JudgeScale(string Unit, double Least, double Most);

/// <summary>Images for several judges: what several of them need is computed once. One thread at a time.</summary>
/// <param name="images">Any sizes; none where only texts are judged.</param>
/// <param name="texts">A prompt or caption of each image; null where no judge reads them.</param>
public sealed class JudgedImages(IReadOnlyList<RgbImage> images, IReadOnlyList<string>? texts = null)
{
    private readonly Dictionary<ClipScorer, float[][]> _embeddings = [];

    /// <summary>The pixels.</summary>
    public IReadOnlyList<RgbImage> Images => images;

    /// <summary>A prompt or caption of each image; null for none.</summary>
    public IReadOnlyList<string>? Texts { get; } = texts is null || images.Count == 0 || texts.Count == images.Count ? texts
        : throw new ArgumentException($"There are {texts.Count} texts for {images.Count} images.", nameof(texts));

    /// <summary>As <see cref="ClipScorer.EmbedImages"/> gives them, once for each scorer.</summary>
    /// <param name="scorer">CLIP or SigLIP 2.</param>
    /// <param name="cancellationToken">Stops between two nodes of the network.</param>
    /// <exception cref="InferenceException">An image has not as many bytes as its size implies.</exception>
    public float[][] Embeddings(ClipScorer scorer, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(scorer);
        if (!_embeddings.TryGetValue(scorer, out var embeddings))
            _embeddings.Add(scorer, embeddings = scorer.EmbedImages(images, cancellationToken));
        return embeddings;
    }
}

/// <summary>How well texts fit images, by CLIP or SigLIP 2: 100 × cosine of as much of a text as the network reads.</summary>
/// <param name="scorer">Stays the caller's, and is not closed with the judge.</param>
public sealed class ClipJudge(ClipScorer scorer) : IJudge
{
    /// <inheritdoc/>
    public string Name => scorer.Name;

    /// <inheritdoc/>
    public string Fingerprint => scorer.Fingerprint;

    /// <inheritdoc/>
    public JudgeScale Scale { get; } = new($"{scorer.Family.Title()} score, 100 × cosine", -100, 100);

    /// <inheritdoc/>
    public double[] Score(JudgedImages images, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        var texts = images.Texts ?? throw new InferenceException($"{Name} scores how texts fit images; give a text for each image.");
        var scores = scorer.ScoreTexts(images.Embeddings(scorer, cancellationToken), [.. texts.Select(text => (string[])[text])], cancellationToken);
        return Array.ConvertAll(scores, of => of[0].Score);
    }

    /// <summary>Nothing is held.</summary>
    public void Dispose()
    {
    }
}

/// <summary>How a judge's network is loaded.</summary>
public sealed record JudgeOptions
{
    /// <value>Where the network runs. Default the processor.</value>
    public Runtime.Device Device { get; init; } = Runtime.Device.Cpu;

    /// <value>Threads for one node of the network and for preparing images, 0…1024; 0 takes every core. Default 0.</value>
    public int Threads { get; init; }

    /// <value>Images that one run of the network takes, 1…256. It changes numbers by rounding only. Default 16.</value>
    public int BatchSize { get; init; } = 16;

    /// <exception cref="InferenceException">A value is out of its range.</exception>
    internal JudgeOptions Checked() => BatchSize is >= 1 and <= 256 ? this : throw new InferenceException($"Batch size {BatchSize} is not in 1…256; use 16.");
}
