using CsCheck;
using Sana.Inference;
using Sana.Inference.Clip;
using Xunit;

namespace Sana.Tests.Clip;

public sealed class NearDuplicatesTests
{
    [Fact]
    public void Every_pair_is_found_whatever_block_it_lies_in()
    {
        Gen.Select(Gen.Int[1, 600], Gen.Int[1, 19], Gen.Int[0, 1000]).Sample(
            (count, width, seed) =>
            {
                var rows = Rows(count, width, seed);
                var expected = (from j in Enumerable.Range(0, count) from i in Enumerable.Range(0, j) where Cosine(rows[i], rows[j]) >= 0.9f select (i, j)).ToHashSet();

                // A pair right at the threshold may fall on either side by rounding.
                var doubtful = (from j in Enumerable.Range(0, count) from i in Enumerable.Range(0, j) where Math.Abs(Cosine(rows[i], rows[j]) - 0.9f) < 1e-5 select (i, j)).ToHashSet();
                var found = NearDuplicates.Pairs(rows, 0.9).Select(pair => (pair.First, pair.Second)).ToList();
                Assert.Equal(found.Count, found.Distinct().Count());
                Assert.Equal(expected.Except(doubtful).Order(), found.Except(doubtful).Order());
            },
            iter: 12);
    }

    [Fact]
    public void Each_duplicate_names_the_first_that_is_kept()
    {
        var rows = Rows(700, 3, seed: 1);

        var first = NearDuplicates.FirstOf(rows, 0.95);

        Assert.Contains(first, i => i >= 0);
        for (var j = 0; j < rows.Length; j++)
        {
            var expected = Enumerable.Range(0, j).FirstOrDefault(i => first[i] < 0 && Cosine(rows[i], rows[j]) >= 0.95f, -1);
            Assert.True(expected == first[j] || Math.Abs(Cosine(rows[Math.Max(expected, first[j])], rows[j]) - 0.95f) < 1e-5, $"{j}: {expected}, {first[j]}");
        }
    }

    [Fact]
    public void A_set_of_nothing_but_duplicates_keeps_one()
    {
        float[][] rows = [.. Enumerable.Range(0, 300).Select(_ => (float[])[0.6f, 0.8f])];

        Assert.Equal([-1, .. Enumerable.Repeat(0, 299)], NearDuplicates.FirstOf(rows, 0.99));
        Assert.Equal(300 * 299 / 2, NearDuplicates.Pairs(rows, 0.99).Count());
    }

    [Fact]
    public void What_is_not_a_number_resembles_nothing()
    {
        float[][] rows = [[float.NaN, float.NaN], [float.NaN, float.NaN], [1, 0], [1, 0]];

        Assert.Equal([new NearDuplicate(2, 3, 1)], NearDuplicates.Pairs(rows, 0.5));
        Assert.Equal([-1, -1, -1, 2], NearDuplicates.FirstOf(rows, 0.5));
    }

    [Fact]
    public void Nothing_has_no_duplicates()
    {
        Assert.Empty(NearDuplicates.Pairs([], 0.5));
        Assert.Empty(NearDuplicates.FirstOf([], 0.5));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1.01)]
    [InlineData(double.NaN)]
    public void A_threshold_out_of_range_is_refused(double threshold) => Assert.Throws<InferenceException>(() => NearDuplicates.FirstOf([[1]], threshold));

    [Fact]
    public void Widths_that_differ_are_refused() => Assert.Throws<InferenceException>(() => NearDuplicates.Pairs([[1], [1, 0]], 0.5));

    private static float Cosine(float[] a, float[] b) => a.Zip(b, (x, y) => x * y).Sum();

    private static float[][] Rows(int count, int width, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            var row = Enumerable.Range(0, width).Select(_ => (float)(random.NextDouble() - 0.4)).ToArray();
            var norm = MathF.Sqrt(row.Sum(x => x * x));
            return Array.ConvertAll(row, x => x / norm);
        })];
    }
}
