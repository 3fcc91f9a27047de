using System.Numerics;
using System.Numerics.Tensors;

namespace Sana.Inference.Clip;

/// <summary>
/// How far two sets of embeddings are apart, as Gaussians (Dowson and Landau 1982; the FID of arXiv:1706.08500, here over CLIP's embeddings): |m₁ − m₂|² + tr(C₁ + C₂ − 2(C₁C₂)^½).
/// 0 for equal sets. It depends on the number of embeddings: compare only distances between sets of similar sizes.
/// </summary>
public static class FrechetDistance
{
    private const int MaxSweeps = 60;

    /// <summary>The distance, 0 or more. Time grows with the cube of the width: some seconds for 768.</summary>
    /// <exception cref="InferenceException">The widths differ, or a set has fewer than two embeddings.</exception>
    public static double Between(EmbeddingMoments first, EmbeddingMoments second)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        if (first.Width != second.Width)
            throw new InferenceException($"Embeddings of {first.Width} and of {second.Width} numbers have no distance; give embeddings of one model.");

        // With C = FᵀF the eigenvalues of C₁C₂ are the squared singular values of F₁F₂ᵀ.
        var (a, b) = (first.Covariance(), second.Covariance());
        var traces = Trace(a) + Trace(b);
        Factor(a);
        Factor(b);
        var product = Array.ConvertAll(a, row => Array.ConvertAll(b, other => TensorPrimitives.Dot<double>(row, other)));
        Orthogonalise(product);
        var means = TensorPrimitives.Distance(first.Mean, second.Mean);
        return Math.Max(0, (means * means) + traces - (2 * product.Sum(row => TensorPrimitives.Norm<double>(row))));
    }

    // Rows of a symmetric matrix without negative eigenvalues, made orthogonal, are λᵢuᵢ: divided by √λᵢ they are the rows of F.
    private static void Factor(double[][] covariance)
    {
        Orthogonalise(covariance);
        foreach (var row in covariance)
        {
            var value = TensorPrimitives.Norm<double>(row);
            if (value > 0)
                TensorPrimitives.Divide(row, Math.Sqrt(value), row);
        }
    }

    /// <summary>
    /// Rotates pairs of rows until all are orthogonal (one-sided Jacobi; Hestenes 1958). Then the lengths of the rows are the singular values.
    /// </summary>
    private static void Orthogonalise(double[][] rows)
    {
        var lengths = new double[rows.Length]; // squared; each rotation changes two of them
        for (var (sweep, rotated) = (0, true); rotated && sweep < MaxSweeps; sweep++)
        {
            rotated = false;
            for (var i = 0; i < rows.Length; i++)
                lengths[i] = TensorPrimitives.SumOfSquares<double>(rows[i]);

            var noise = lengths.Sum() * 1e-30; // shorter rows are rounding errors
            for (var p = 0; p < rows.Length; p++)
            {
                for (var q = p + 1; q < rows.Length; q++)
                    rotated |= lengths[p] > noise && lengths[q] > noise && Rotate(rows[p], rows[q], ref lengths[p], ref lengths[q]);
            }
        }
    }

    private static bool Rotate(double[] p, double[] q, ref double pp, ref double qq)
    {
        var pq = TensorPrimitives.Dot<double>(p, q);
        if (Math.Abs(pq) <= 1e-14 * Math.Sqrt(pp * qq))
            return false;

        var slope = (qq - pp) / (2 * pq);
        var tan = (slope < 0 ? -1 : 1) / (Math.Abs(slope) + Math.Sqrt(1 + (slope * slope)));
        var cos = 1 / Math.Sqrt(1 + (tan * tan));
        (pp, qq) = (pp - (tan * pq), qq + (tan * pq));
        Rotate(p, q, cos, cos * tan);
        return true;
    }

    private static void Rotate(double[] p, double[] q, double cos, double sin)
    {
        var i = 0;
        for (; i + Vector<double>.Count <= p.Length; i += Vector<double>.Count)
        {
            var (x, y) = (new Vector<double>(p, i), new Vector<double>(q, i));
            ((x * cos) - (y * sin)).CopyTo(p, i);
            ((x * sin) + (y * cos)).CopyTo(q, i);
        }

        for (; i < p.Length; i++)
            (p[i], q[i]) = ((cos * p[i]) - (sin * q[i]), (sin * p[i]) + (cos * q[i]));
    }

    private static double Trace(double[][] matrix) => matrix.Select((row, i) => row[i]).Sum();
}

/// <summary>
/// Mean and covariance of embeddings that are added one at a time (Welford), in double. Memory is 8 · width² bytes, whatever their number. For one thread at a time.
/// </summary>
public sealed class EmbeddingMoments
{
    private const int MaxWidth = 8192;

    private readonly double[] _mean;
    private readonly double[][] _scatter; // row i from column i on: sums of products of differences from the mean
    private readonly double[] _delta;

    /// <summary>Starts without embeddings.</summary>
    /// <param name="width">Numbers of an embedding, 1…8192.</param>
    /// <exception cref="InferenceException">The width is out of range.</exception>
    public EmbeddingMoments(int width)
    {
        if (width is < 1 or > MaxWidth)
            throw new InferenceException($"Embeddings of {width} numbers are not in 1…{MaxWidth}; give the width of one embedding.");

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
            throw new InferenceException($"An embedding of {embedding.Length} numbers was added to those of {Width}; give embeddings of one model.");

        if (!TensorPrimitives.IsFiniteAll(embedding))
            return false;

        Count++;
        TensorPrimitives.ConvertTruncating(embedding, _delta);
        TensorPrimitives.Subtract(_delta, _mean, _delta);
        TensorPrimitives.MultiplyAdd(_delta, 1d / Count, _mean, _mean);
        var weight = (Count - 1d) / Count;
        for (var i = 0; i < Width; i++)
            TensorPrimitives.MultiplyAdd(_delta.AsSpan(i), weight * _delta[i], _scatter[i], _scatter[i]);

        return true;
    }

    /// <summary>The covariance, divided by the count less one, as rows.</summary>
    /// <exception cref="InferenceException">There are fewer than two embeddings.</exception>
    internal double[][] Covariance()
    {
        if (Count < 2)
            throw new InferenceException($"A covariance needs 2 or more embeddings and has {Count}; add more.");

        var rows = Enumerable.Range(0, Width).Select(_ => new double[Width]).ToArray();
        for (var i = 0; i < Width; i++)
        {
            for (var j = i; j < Width; j++)
                rows[i][j] = rows[j][i] = _scatter[i][j - i] / (Count - 1);
        }

        return rows;
    }
}
