using System.Numerics;
using System.Numerics.Tensors;

namespace Sana.Inference.Clip;

/// <summary>
/// How far two sets of embeddings are apart, as Gaussians (Dowson and Landau 1982; the FID of arXiv:1706.08500, here over CLIP's embeddings): |m₁ − m₂|² + tr(C₁ + C₂ − 2(C₁C₂)^½).
/// 0 for equal sets. It is biased by the number of embeddings: compare distances of sets of like sizes only.
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
        {
            throw new InferenceException($"Embeddings of {first.Width} and of {second.Width} numbers have no distance; give embeddings of one model.");
        }

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
            {
                TensorPrimitives.Divide(row, Math.Sqrt(value), row);
            }
        }
    }

    /// <summary>
    /// Turns pairs of rows until all are orthogonal (one-sided Jacobi; Hestenes 1958): the lengths that are left are the singular values.
    /// </summary>
    private static void Orthogonalise(double[][] rows)
    {
        var lengths = new double[rows.Length]; // squared; each turn moves some from one to the other
        for (var (sweep, turned) = (0, true); turned && sweep < MaxSweeps; sweep++)
        {
            turned = false;
            for (var i = 0; i < rows.Length; i++)
            {
                lengths[i] = TensorPrimitives.SumOfSquares<double>(rows[i]);
            }

            var noise = lengths.Sum() * 1e-30; // of a row that is nothing but rounding
            for (var p = 0; p < rows.Length; p++)
            {
                for (var q = p + 1; q < rows.Length; q++)
                {
                    turned |= lengths[p] > noise && lengths[q] > noise && Turn(rows[p], rows[q], ref lengths[p], ref lengths[q]);
                }
            }
        }
    }

    private static bool Turn(double[] p, double[] q, ref double pp, ref double qq)
    {
        var pq = TensorPrimitives.Dot<double>(p, q);
        if (Math.Abs(pq) <= 1e-14 * Math.Sqrt(pp * qq))
        {
            return false;
        }

        var slope = (qq - pp) / (2 * pq);
        var tan = (slope < 0 ? -1 : 1) / (Math.Abs(slope) + Math.Sqrt(1 + (slope * slope)));
        var cos = 1 / Math.Sqrt(1 + (tan * tan));
        (pp, qq) = (pp - (tan * pq), qq + (tan * pq));
        Turn(p, q, cos, cos * tan);
        return true;
    }

    private static void Turn(double[] p, double[] q, double cos, double sin)
    {
        var i = 0;
        for (; i + Vector<double>.Count <= p.Length; i += Vector<double>.Count)
        {
            var (x, y) = (new Vector<double>(p, i), new Vector<double>(q, i));
            ((x * cos) - (y * sin)).CopyTo(p, i);
            ((x * sin) + (y * cos)).CopyTo(q, i);
        }

        for (; i < p.Length; i++)
        {
            (p[i], q[i]) = ((cos * p[i]) - (sin * q[i]), (sin * p[i]) + (cos * q[i]));
        }
    }

    private static double Trace(double[][] matrix) => matrix.Select((row, i) => row[i]).Sum();
}
