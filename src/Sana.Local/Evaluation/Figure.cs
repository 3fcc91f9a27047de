namespace Sana.Local.Evaluation;

/// <summary>How often prompts were met, with CLIP's view of the same images.</summary>
/// <param name="Images">Images judged.</param>
/// <param name="Met">Images that show what was asked for.</param>
/// <param name="Share">Met of images, 0 to 1.</param>
/// <param name="Low">Lower end of Wilson's 95 % interval.</param>
/// <param name="High">Upper end.</param>
/// <param name="ClipScore">Mean of 100 × cosine of image and prompt; null without CLIP.</param>
/// <param name="ClipDeviation">Standard deviation of it.</param>
/// <param name="Frechet">Distance to rendered scenes; null without CLIP or where it was not asked for.</param>
internal sealed record Figure(int Images, int Met, double Share, double Low, double High, double? ClipScore, double? ClipDeviation, double? Frechet)
{
    private const double Z = 1.959964;

    /// <param name="met">Whether each image shows what was asked for.</param>
    /// <param name="scores">Of CLIP, as many; null without CLIP.</param>
    /// <param name="frechet">Distance to rendered scenes.</param>
    public static Figure Of(IReadOnlyList<bool> met, IReadOnlyList<double>? scores, double? frechet = null)
    {
        var (n, k) = (met.Count, met.Count(one => one));
        var (low, high) = Wilson(k, n);
        double[] known = [.. (scores ?? []).Where(double.IsFinite)];
        double? mean = known.Length > 0 ? known.Average() : null;
        double? deviation = known.Length > 1 ? Math.Sqrt(known.Sum(score => (score - mean!.Value) * (score - mean.Value)) / (known.Length - 1)) : null;
        return new(n, k, Round(k / (double)n), Round(low), Round(high), Round(mean), Round(deviation), Round(frechet));
    }

    // Wilson 1927: holds near 0 and 1, where the plain interval is too short.
    private static (double Low, double High) Wilson(int k, int n)
    {
        var (share, z2) = (k / (double)n, Z * Z);
        var centre = (share + (z2 / (2 * n))) / (1 + (z2 / n));
        var half = Z / (1 + (z2 / n)) * Math.Sqrt((share * (1 - share) / n) + (z2 / (4.0 * n * n)));
        return (Math.Max(centre - half, 0), Math.Min(centre + half, 1));
    }

    private static double Round(double value) => Math.Round(value, 4);

    private static double? Round(double? value) => value is { } number ? Round(number) : null;
}
