using System.Numerics;
using System.Numerics.Tensors;

namespace Sana.Inference.Clip;

/// <summary>Finds images, or texts, whose embeddings are nearly the same. Every pair is looked at, in blocks that stay in the cache; memory is that of the embeddings and one block of scores.</summary>
public static class NearDuplicates
{
    private const int Block = 128;

    /// <summary>All pairs that are as near as that, as they are found: a block at a time, so that a set of nothing but duplicates needs no memory for its pairs.</summary>
    /// <param name="embeddings">Of length 1, as the scorer gives them; one that is not a number resembles none.</param>
    /// <param name="threshold">Least cosine, above 0, at most 1.</param>
    /// <param name="cancellationToken">Looked at before each block.</param>
    /// <exception cref="InferenceException">The threshold is out of range, or the widths differ.</exception>
    public static IEnumerable<NearDuplicate> Pairs(IReadOnlyList<float[]> embeddings, double threshold, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(embeddings);
        Check(embeddings, threshold);
        return Find(embeddings, (float)threshold, cancellationToken);
    }

    /// <summary>For each embedding the first one before it that is as near as that and is itself no duplicate; −1 where there is none, so that it is kept.</summary>
    /// <inheritdoc cref="Pairs"/>
    public static int[] FirstOf(IReadOnlyList<float[]> embeddings, double threshold, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(embeddings);
        Check(embeddings, threshold);
        var first = new int[embeddings.Count];
        Array.Fill(first, -1);
        var kept = new List<int>();
        for (var later = 0; later < embeddings.Count; later += Block)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var (end, known) = (Math.Min(later + Block, embeddings.Count), kept.Count);
            for (var from = 0; from < known; from += Block)
            {
                for (var j = later; j < end; j++)
                {
                    first[j] = first[j] < 0 ? FirstOf(embeddings, j, kept, from, Math.Min(from + Block, known), (float)threshold) : first[j];
                }
            }

            for (var j = later; j < end; j++)
            {
                first[j] = first[j] < 0 ? FirstOf(embeddings, j, kept, known, kept.Count, (float)threshold) : first[j];
                if (first[j] < 0)
                    kept.Add(j);
            }
        }

        return first;
    }

    private static int FirstOf(IReadOnlyList<float[]> embeddings, int j, List<int> kept, int from, int to, float threshold)
    {
        var i = from;
        for (; i + 4 <= to; i += 4)
        {
            var four = Cosines(embeddings[j], embeddings[kept[i]], embeddings[kept[i + 1]], embeddings[kept[i + 2]], embeddings[kept[i + 3]]);
            for (var k = 0; k < 4; k++)
            {
                if (four[k] >= threshold)
                    return kept[i + k];
            }
        }

        for (; i < to; i++)
        {
            if (TensorPrimitives.Dot(embeddings[j], embeddings[kept[i]]) >= threshold)
                return kept[i];
        }

        return -1;
    }

    private static IEnumerable<NearDuplicate> Find(IReadOnlyList<float[]> embeddings, float threshold, CancellationToken cancellationToken)
    {
        for (var later = 0; later < embeddings.Count; later += Block)
        {
            for (var earlier = 0; earlier <= later; earlier += Block)
            {
                cancellationToken.ThrowIfCancellationRequested();
                foreach (var pair in Near(embeddings, earlier, later, threshold))
                {
                    yield return pair;
                }
            }
        }
    }

    // Pairs of one block with another, or within one.
    private static List<NearDuplicate> Near(IReadOnlyList<float[]> embeddings, int earlier, int later, float threshold)
    {
        var near = new List<NearDuplicate>();
        for (var j = later; j < Math.Min(later + Block, embeddings.Count); j++)
        {
            var end = Math.Min(earlier + Block, j);
            var i = earlier;
            for (; i + 4 <= end; i += 4)
            {
                var four = Cosines(embeddings[j], embeddings[i], embeddings[i + 1], embeddings[i + 2], embeddings[i + 3]);
                for (var k = 0; k < 4; k++)
                {
                    if (four[k] >= threshold)
                        near.Add(new NearDuplicate(i + k, j, four[k]));
                }
            }

            for (; i < end; i++)
            {
                var cosine = TensorPrimitives.Dot(embeddings[j], embeddings[i]);
                if (cosine >= threshold)
                    near.Add(new NearDuplicate(i, j, cosine));
            }
        }

        return near;
    }

    // Four products that share the loads of one side.
    private static Vector4 Cosines(ReadOnlySpan<float> one, ReadOnlySpan<float> a, ReadOnlySpan<float> b, ReadOnlySpan<float> c, ReadOnlySpan<float> d)
    {
        var (sumA, sumB, sumC, sumD) = (Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero);
        var i = 0;
        for (; i + Vector<float>.Count <= one.Length; i += Vector<float>.Count)
        {
            var x = new Vector<float>(one[i..]);
            sumA += x * new Vector<float>(a[i..]);
            sumB += x * new Vector<float>(b[i..]);
            sumC += x * new Vector<float>(c[i..]);
            sumD += x * new Vector<float>(d[i..]);
        }

        var sums = new Vector4(Vector.Sum(sumA), Vector.Sum(sumB), Vector.Sum(sumC), Vector.Sum(sumD));
        for (; i < one.Length; i++)
        {
            sums += one[i] * new Vector4(a[i], b[i], c[i], d[i]);
        }

        return sums;
    }

    private static void Check(IReadOnlyList<float[]> embeddings, double threshold)
    {
        if (threshold is not (> 0 and <= 1))
        {
            throw new InferenceException($"A threshold of {threshold} is not above 0 and at most 1; use 0.95 or so.");
        }

        if (embeddings.FirstOrDefault(row => row.Length != embeddings[0].Length) is { } other)
        {
            throw new InferenceException($"Embeddings of {embeddings[0].Length} and of {other.Length} numbers cannot be compared; give embeddings of one model.");
        }
    }
}

/// <summary>Two embeddings that are nearly the same.</summary>
/// <param name="First">Place of the earlier one.</param>
/// <param name="Second">Place of the later one.</param>
/// <param name="Cosine">Of the angle between them.</param>
public readonly record struct NearDuplicate(int First, int Second, float Cosine);
