using Sana.Inference.Clip;

namespace Sana.Inference.Judging;

/// <summary>
/// How people would rate an image, about 1…10, by LAION's layers on CLIP's vector of it, or by others of the same form. The embedding is that of a CLIP which is loaded anyway, so it costs nearly nothing.
/// </summary>
public sealed class AestheticJudge : IJudge
{
    private readonly AestheticHead _head;
    private readonly ClipScorer _clip;

    /// <summary>A judge of layers and the CLIP whose vectors they were trained on.</summary>
    /// <param name="name">Of the file of the layers.</param>
    /// <param name="fingerprint">SHA-256 of that file.</param>
    /// <param name="layers">In forward order.</param>
    /// <param name="clip">Stays the caller's, and is not closed with the judge.</param>
    /// <param name="trainedOn">Name of the CLIP that the layers were trained on; null for the one that LAION used with vectors of their width.</param>
    /// <param name="scale">What the scores are, in words with their range; null for LAION's.</param>
    /// <exception cref="InferenceException">The CLIP is another one than the layers need.</exception>
    public AestheticJudge(string name, string fingerprint, IReadOnlyList<HeadLayer> layers, ClipScorer clip, string? trainedOn = null, string? scale = null)
    {
        ArgumentNullException.ThrowIfNull(clip);
        Scale = new(scale ?? "LAION aesthetic score, about 1…10", 1, 10);
        (_head, _clip, Name) = (new AestheticHead(layers), clip, name);
        Fingerprint = $"{fingerprint} {clip.Fingerprint}";
        if (Misfit(name, _head.Width, trainedOn, clip) is { } misfit)
            throw new InferenceException(misfit);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>SHA-256 of the layers' file and the fingerprint of CLIP, with a space between.</summary>
    public string Fingerprint { get; }

    /// <inheritdoc/>
    public JudgeScale Scale { get; }

    /// <inheritdoc/>
    public double[] Score(JudgedImages images, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        return Array.ConvertAll(images.Embeddings(_clip, cancellationToken), vector => _head.Score(vector));
    }

    /// <summary>Nothing is held.</summary>
    public void Dispose()
    {
    }

    // Why the vectors of a scorer are not those that layers of a width were trained on; null when they may be.
    private static string? Misfit(string name, int width, string? trainedOn, ClipScorer scorer)
    {
        // Without a name, the checkpoints that LAION trained on. Others of their widths are other spaces, and would give numbers that mean nothing.
        var (needed, ending) = width switch
        {
            _ when trainedOn is not null => (trainedOn, ClipName.From(trainedOn)),
            768 => ("openai/clip-vit-large-patch14", "vit-l-14"),
            512 => ("openai/clip-vit-base-patch32", "vit-b-32"),
            _ => (null, ""),
        };
        var isRight = scorer.Family == ScorerFamily.Clip && scorer.Width == width && scorer.Name.EndsWith(ending, StringComparison.Ordinal);
        return isRight ? null : $"The aesthetic head {name} reads CLIP's vectors of {width} numbers{(needed is null ? "" : $", those of {needed}")}; {scorer.Name} is {scorer.Family.Title()} with vectors of {scorer.Width}. "
            + (needed is null ? "Which CLIP it was trained on, the file does not say; write its name as \"clip\" of the file's __metadata__." : $"Say \"clip\": \"{needed}\", or name its folder {needed[(needed.IndexOf('/', StringComparison.Ordinal) + 1)..]}.");
    }
}

/// <summary>One linear layer of a head.</summary>
/// <param name="From">Width that it takes.</param>
/// <param name="To">Width that it gives.</param>
/// <param name="Weight">[to, from].</param>
/// <param name="Bias">[to].</param>
/// <param name="HasRelu">Whether what is below 0 becomes 0 after it.</param>
public sealed record HeadLayer(int From, int To, float[] Weight, float[] Bias, bool HasRelu);

/// <summary>
/// Linear layers that give one number, computed in double. Layers with nothing between them are one linear map, so they are multiplied out once: LAION's five become 768 numbers and a bias.
/// </summary>
internal sealed class AestheticHead
{
    private readonly List<(int From, int To, double[] Weight, double[] Bias, bool HasRelu)> _layers = [];

    public AestheticHead(IReadOnlyList<HeadLayer> layers)
    {
        foreach (var layer in layers)
        {
            var (weight, bias) = (Array.ConvertAll(layer.Weight, number => (double)number), Array.ConvertAll(layer.Bias, number => (double)number));
            if (_layers is [.., { HasRelu: false } before])
            {
                _layers[^1] = (before.From, layer.To, Product(weight, before.Weight, layer.To, layer.From, before.From), Applied(weight, bias, before.Bias), layer.HasRelu);
            }
            else
            {
                _layers.Add((layer.From, layer.To, weight, bias, layer.HasRelu));
            }
        }
    }

    /// <summary>Numbers of a vector.</summary>
    public int Width => _layers[0].From;

    /// <summary>Maps that are left after multiplying out.</summary>
    public int Maps => _layers.Count;

    /// <summary>The score of a vector of length 1.</summary>
    public double Score(ReadOnlySpan<float> vector)
    {
        var x = new double[vector.Length];
        for (var i = 0; i < x.Length; i++)
            x[i] = vector[i];
        foreach (var (_, _, weight, bias, hasRelu) in _layers)
        {
            x = Applied(weight, bias, x); // [to]
            if (hasRelu)
                x = Array.ConvertAll(x, number => Math.Max(number, 0));
        }

        return x[0];
    }

    // weight [to, from] · x [from] + bias [to].
    private static double[] Applied(double[] weight, double[] bias, double[] x)
    {
        var y = (double[])bias.Clone();
        for (var row = 0; row < y.Length; row++)
        {
            for (var i = 0; i < x.Length; i++)
                y[row] += weight[(row * x.Length) + i] * x[i];
        }

        return y;
    }

    // left [rows, inner] · right [inner, columns].
    private static double[] Product(double[] left, double[] right, int rows, int inner, int columns)
    {
        var product = new double[rows * columns];
        for (var row = 0; row < rows; row++)
        {
            for (var i = 0; i < inner; i++)
            {
                var factor = left[(row * inner) + i];
                for (var column = 0; column < columns; column++)
                    product[(row * columns) + column] += factor * right[(i * columns) + column];
            }
        }

        return product;
    }
}
