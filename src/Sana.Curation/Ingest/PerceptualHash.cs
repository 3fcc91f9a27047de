using System.Numerics;

namespace Sana.Curation.Ingest;

/// <summary>
/// The 64-bit DCT hash of Zauner (Implementation and Benchmarking of Perceptual Image Hash Functions, 2010) in the form that the field compares with: 32×32 luma, its 8×8 lowest frequencies, a bit
/// each for those above their median, first row first, highest bit first.
/// </summary>
internal static class PerceptualHash
{
    /// <summary>Side of the image that is hashed.</summary>
    public const int Side = 32;

    private const int Low = 8;

    // Of 255·32 for the strongest pattern: what is smaller is the rounding of a flat image, and would give it a random hash.
    private const double Nothing = 0.05;

    private const int FewestBits = 12;

    private static readonly double[][] _waves = [.. Enumerable.Range(0, Low).Select(Wave)];

    /// <summary>Hashes 32×32 pixels of three bytes.</summary>
    public static ulong Of(ReadOnlySpan<byte> pixels)
    {
        Span<double> rows = stackalloc double[Side * Low]; // [u, y]
        for (var y = 0; y < Side; y++)
        {
            for (var x = 0; x < Side; x++)
            {
                var pixel = pixels.Slice(3 * ((y * Side) + x), 3);
                var luma = (0.299 * pixel[0]) + (0.587 * pixel[1]) + (0.114 * pixel[2]);
                for (var u = 0; u < Low; u++)
                    rows[(u * Side) + y] += luma * _waves[u][x];
            }
        }

        Span<double> low = stackalloc double[Low * Low]; // [v, u]
        for (var v = 0; v < Low; v++)
        {
            for (var u = 0; u < Low; u++)
            {
                var strength = 0.0; // in one order on every machine: a vector sum would round as wide as the processor is
                for (var y = 0; y < Side; y++)
                    strength += rows[(u * Side) + y] * _waves[v][y];
                low[(v * Low) + u] = Math.Abs(strength) < Nothing ? 0 : strength;
            }
        }

        Span<double> ordered = stackalloc double[Low * Low];
        low.CopyTo(ordered);
        ordered.Sort();
        var median = (ordered[31] + ordered[32]) / 2;
        var hash = 0UL;
        foreach (var strength in low)
            hash = (hash << 1) | (strength > median ? 1UL : 0);
        return hash;
    }

    /// <summary>Whether a hash says anything: of flat images and plain ramps, that have few frequencies, it does not.</summary>
    public static bool IsTelling(ulong hash) => BitOperations.PopCount(hash) >= FewestBits;

    // DCT-II, orthonormal.
    private static double[] Wave(int frequency) =>
        [.. Enumerable.Range(0, Side).Select(x => Math.Sqrt((frequency == 0 ? 1.0 : 2.0) / Side) * Math.Cos(Math.PI * ((2 * x) + 1) * frequency / (2.0 * Side)))];
}
