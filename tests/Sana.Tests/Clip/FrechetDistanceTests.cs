using Sana.Inference;
using Sana.Inference.Clip;
using Xunit;

namespace Sana.Tests.Clip;

/// <summary>Against closed forms, on samples whose mean and covariance are made exact.</summary>
public sealed class FrechetDistanceTests
{
    private const double Rounding = 1e-6; // embeddings are float32

    [Fact]
    public void Equal_sets_are_0_apart()
    {
        var set = Of(Random(seed: 1, count: 300, width: 24));

        Assert.Equal(0, FrechetDistance.Between(set, Of(Random(seed: 1, count: 300, width: 24))), 1e-9);
        Assert.Equal(0, FrechetDistance.Between(set, set), 1e-9);
    }

    [Fact]
    public void A_shift_alone_is_its_squared_length()
    {
        var rows = Random(seed: 2, count: 200, width: 8);
        float[] shift = [1, -2, 0.5f, 0, 3, 0, 0, -1];

        var distance = FrechetDistance.Between(Of(rows), Of([.. rows.Select(row => (float[])[.. row.Zip(shift, (x, d) => x + d)])]));

        Assert.Equal(shift.Sum(d => (double)d * d), distance, 1e-5);
    }

    // Points ±s√((2w − 1) / 2) on each axis have mean 0 and covariance diag(s²): the distance is the sum of (s₁ − s₂)².
    [Fact]
    public void Diagonal_covariances_are_apart_by_their_deviations()
    {
        double[] one = [1, 2, 3, 0.5], other = [2, 2, 1, 0.25];

        var distance = FrechetDistance.Between(Of(OnAxes(one)), Of(OnAxes(other)));

        Assert.Equal(one.Zip(other, (a, b) => (a - b) * (a - b)).Sum(), distance, Rounding);
    }

    // A turn of both sets changes nothing, and makes the covariances full.
    [Fact]
    public void Correlated_numbers_give_what_their_axes_give()
    {
        double[] one = [1, 3], other = [2, 0.5];

        var distance = FrechetDistance.Between(Of(Turned(OnAxes(one), 0.7)), Of(Turned(OnAxes(other), 0.7)));

        Assert.Equal(1 + (2.5 * 2.5), distance, 1e-5);
    }

    // (C₁C₂)^½ of matrices that do not commute: for 2 × 2 its trace is √(tr C₁C₂ + 2√det C₁C₂).
    [Fact]
    public void Covariances_that_do_not_commute_give_the_closed_form_of_two_by_two()
    {
        var (first, second) = (Of(OnAxes([1, 3])), Of(Turned(OnAxes([2, 0.5]), 0.6)));

        var (c, s) = (Math.Cos(0.6), Math.Sin(0.6));
        var (xx, yy) = ((4 * c * c) + (0.25 * s * s), (4 * s * s) + (0.25 * c * c)); // of the turned diag(4, 0.25)
        var trace = Math.Sqrt((1 * xx) + (9 * yy) + (2 * Math.Sqrt(9 * 1)));
        Assert.Equal(1 + 9 + 4 + 0.25 - (2 * trace), FrechetDistance.Between(first, second), 1e-5);
    }

    [Fact]
    public void Fewer_embeddings_than_numbers_will_do()
    {
        double[] one = [1, 3], other = [2, 0.5];

        var distance = FrechetDistance.Between(Of(Wide(Turned(OnAxes(one), 0.7))), Of(Wide(Turned(OnAxes(other), 0.7))));

        Assert.Equal(1 + (2.5 * 2.5), distance, 1e-5);
    }

    [Fact]
    public void Order_does_not_matter()
    {
        var (a, b) = (Random(seed: 5, count: 100, width: 16), Random(seed: 6, count: 80, width: 16));

        var forth = FrechetDistance.Between(Of(a), Of(b));

        Assert.Equal(forth, FrechetDistance.Between(Of(b), Of(a)), 1e-9 * forth);
        Assert.Equal(forth, FrechetDistance.Between(Of([.. a.Reverse()]), Of(b)), 1e-9 * forth);
    }

    [Fact]
    public void What_is_not_a_number_is_left_out_and_told()
    {
        var moments = Of(OnAxes([1, 2]));

        Assert.False(moments.Add([float.NaN, 0]));
        Assert.Equal(4, moments.Count);
    }

    [Fact]
    public void Sets_that_have_no_distance_are_refused()
    {
        var one = new EmbeddingMoments(2);
        one.Add([1, 2]);

        Assert.Contains("2 or more", Assert.Throws<InferenceException>(() => FrechetDistance.Between(one, one)).Message, StringComparison.Ordinal);
        Assert.Throws<InferenceException>(() => FrechetDistance.Between(one, new EmbeddingMoments(3)));
        Assert.Throws<InferenceException>(() => one.Add([1, 2, 3]));
        Assert.Throws<InferenceException>(() => new EmbeddingMoments(0));
    }

    private static EmbeddingMoments Of(float[][] rows)
    {
        var moments = new EmbeddingMoments(rows[0].Length);
        Assert.All(rows, row => Assert.True(moments.Add(row)));
        return moments;
    }

    private static float[][] Random(int seed, int count, int width)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float[])[.. Enumerable.Range(0, width).Select(i => (float)((random.NextDouble() - 0.5) * (1 + i)))])];
    }

    private static float[][] OnAxes(double[] deviations)
    {
        var scale = Math.Sqrt(((2 * deviations.Length) - 1) / 2.0);
        return [.. deviations.SelectMany((deviation, axis) => new[] { 1, -1 }.Select(sign =>
        {
            var row = new float[deviations.Length];
            row[axis] = (float)(sign * deviation * scale);
            return row;
        }))];
    }

    // The same numbers in 64 of which the rest are 0: a covariance of rank 2.
    private static float[][] Wide(float[][] rows) => Array.ConvertAll(rows, row => (float[])[.. new float[31], .. row, .. new float[64 - 31 - row.Length]]);

    private static float[][] Turned(float[][] rows, double angle) =>
        Array.ConvertAll(rows, row => (float[])[(float)((Math.Cos(angle) * row[0]) - (Math.Sin(angle) * row[1])), (float)((Math.Sin(angle) * row[0]) + (Math.Cos(angle) * row[1]))]);
}
