using System.Numerics.Tensors;

namespace Sana.Inference.Clip;

/// <summary>
/// Mean and covariance of embeddings that pass by one at a time (Welford), in double. Memory does not grow with their number: 8 · width² bytes. One thread at a time.
/// </summary>
public sealed class EmbeddingMoments
{
    private const int MaxWidth = 8192;

    private readonly double[] _mean;
    private readonly double[][] _scatter; // row i from column i on: sums of products of what is left of the mean
    private readonly double[] _delta;

    /// <summary>Of nothing yet.</summary>
    /// <param name="width">Numbers of an embedding, 1…8192.</param>
    /// <exception cref="InferenceException">The width is out of range.</exception>
    public EmbeddingMoments(int width)
    {
        if (width is < 1 or > MaxWidth)
        {
            throw new InferenceException($"Embeddings of {width} numbers are not in 1…{MaxWidth}; give the width of one embedding.");
        }

        _mean = new double[width];
        _delta = new double[width];
        _scatter = [.. Enumerable.Range(0, width).Select(row => new double[width - row])];
    }

    /// <summary>Embeddings added.</summary>
    public long Count { get; private set; }

    /// <summary>Numbers of an embedding.</summary>
    public int Width => _mean.Length;

    /// <summary>Mean of each number.</summary>
    public ReadOnlySpan<double> Mean => _mean;

    /// <summary>Adds one; false, and nothing is added, when a number of it is not finite.</summary>
    /// <param name="embedding">As many numbers as <see cref="Width"/>.</param>
    /// <exception cref="InferenceException">It has another width.</exception>
    public bool Add(ReadOnlySpan<float> embedding)
    {
        if (embedding.Length != Width)
        {
            throw new InferenceException($"An embedding of {embedding.Length} numbers was added to those of {Width}; give embeddings of one model.");
        }

        if (!TensorPrimitives.IsFiniteAll(embedding))
        {
            return false;
        }

        Count++;
        TensorPrimitives.ConvertTruncating(embedding, _delta);
        TensorPrimitives.Subtract(_delta, _mean, _delta);
        TensorPrimitives.MultiplyAdd(_delta, 1d / Count, _mean, _mean);
        var weight = (Count - 1d) / Count;
        for (var i = 0; i < Width; i++)
        {
            TensorPrimitives.MultiplyAdd(_delta.AsSpan(i), weight * _delta[i], _scatter[i], _scatter[i]);
        }

        return true;
    }

    /// <summary>The covariance, divided by the count less one, as rows.</summary>
    /// <exception cref="InferenceException">There are fewer than two embeddings.</exception>
    internal double[][] Covariance()
    {
        if (Count < 2)
        {
            throw new InferenceException($"A covariance needs 2 or more embeddings and has {Count}; add more.");
        }

        var rows = Enumerable.Range(0, Width).Select(_ => new double[Width]).ToArray();
        for (var i = 0; i < Width; i++)
        {
            for (var j = i; j < Width; j++)
            {
                rows[i][j] = rows[j][i] = _scatter[i][j - i] / (Count - 1);
            }
        }

        return rows;
    }
}
