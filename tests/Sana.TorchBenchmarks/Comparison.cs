using System.Globalization;
using System.Numerics.Tensors;
using Sana.Benchmarks;
using Sana.Inference.Runtime;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace Sana.TorchBenchmarks;

/// <summary>One way to compute what several ways compute.</summary>
/// <param name="Name">In the table.</param>
/// <param name="Result">Computes it once and gives the result in float32; empty if there is none to compare.</param>
/// <param name="Exact">Whether it computes in float32, so that its result must be that of the first way.</param>
internal sealed record Way(string Name, Func<float[]> Result, bool Exact = true)
{
    /// <summary>What is timed; null for <see cref="Result"/>.</summary>
    public Action? Run { get; init; }
}

/// <summary>Compares the results of several ways, then their times in one run.</summary>
internal static class Comparison
{
    // Relative to the largest value: the order of sums differs, and no more.
    private const double Tolerance = 1e-3;

    /// <summary>Prints a table, and gives the least seconds of each way.</summary>
    /// <param name="title">What is computed.</param>
    /// <param name="rounds">1 or more.</param>
    /// <param name="ways">The first is what the others are compared with.</param>
    /// <exception cref="InvalidOperationException">Two ways in float32 give different results: their times would mean nothing.</exception>
    public static double[] Print(string title, int rounds, params IReadOnlyList<Way> ways)
    {
        var expected = ways[0].Result();
        var distances = ways.Select(way => Distance(expected, way, way == ways[0] ? expected : way.Result())).ToArray();
        var race = Race.Run(rounds, [.. ways.Select(way => way.Run ?? (() => way.Result()))]);
        Markdown.Text($"{title} Time of the same work relative to the first row.");
        Markdown.Table(
            ["way", "time", "ms", "largest difference", "cosine"],
            ways.Select((way, i) => (string[])[way.Name, $"{race.Ratio(i, 0)}", Number(1000 * race.Seconds(i)), distances[i].Largest, distances[i].Cosine]));
        return [.. ways.Select((way, i) => race.Seconds(i))];
    }

    /// <summary>The values of a tensor in float32.</summary>
    public static float[] Values(this Tensor x)
    {
        using var dense = x.to_type(float32).contiguous();
        return dense.data<float>().ToArray();
    }

    public static Tensor ToTorch(this FloatTensor x, ScalarType type)
    {
        using var wide = tensor(x.Data, x.Shape);
        return wide.to_type(type);
    }

    private static (string Largest, string Cosine) Distance(float[] expected, Way way, float[] actual)
    {
        if (actual.Length == 0)
            return ("", "");

        var difference = new float[expected.Length];
        TensorPrimitives.Subtract(expected, actual, difference);
        var largest = TensorPrimitives.MaxMagnitude<float>(difference) / TensorPrimitives.MaxMagnitude<float>(expected);
        return way.Exact && !(Math.Abs(largest) <= Tolerance)
            ? throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"{way.Name}: differs from the first way by {Math.Abs(largest):e1} of the largest value; at most {Tolerance:e0} is rounding."))
            : (Math.Abs(largest).ToString("e1", CultureInfo.InvariantCulture), TensorPrimitives.CosineSimilarity<float>(expected, actual).ToString("0.00000", CultureInfo.InvariantCulture));
    }

    private static string Number(double value) => value.ToString(value < 100 ? "0.0" : "N0", CultureInfo.InvariantCulture);
}
