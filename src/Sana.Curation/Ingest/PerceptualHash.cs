using System.Numerics;

namespace Sana.Curation.Ingest;

/// <summary>
/// The 64-bit DCT hash of Zauner (Implementation and Benchmarking of Perceptual Image Hash Functions, 2010) in the form that the field compares with: 32×32
/// luma, its 8×8 lowest frequencies, a bit each for those above their median, first row first, highest bit first.
/// </summary>
internal static class PerceptualHash
{
    private const int Side = 32;
    private const int Low = 8;
    private const int MostSamples = 8;

    // Of 255·32 for the strongest pattern: what is smaller is the rounding of a flat image, and would give it a random hash.
    private const double Nothing = 0.05;

    private const int FewestBits = 12;

    private const int Grid = 4;
    private const int CellSamples = Side / Grid * (Side / Grid);

    // Steps of 16 of 255 in which the chroma of a cell may differ: what is saved again or scaled differs by less than one, and may fall on either side of
    // its edge.
    private const int MostColourSteps = 1;

    private static readonly double[][] _waves = [.. Enumerable.Range(0, Low).Select(Wave)];

    /// <summary>Hashes pixels of three bytes each as they look upright.</summary>
    /// <param name="pixels">[height, width, 3].</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="orientation">How they are stored, 1…8 as EXIF has it.</param>
    /// <param name="colours">What they are like in colour, see <see cref="IngestedImage.Colours"/>.</param>
    public static ulong Compute(ReadOnlySpan<byte> pixels, int width, int height, int orientation, out UInt128 colours)
    {
        Span<double> chroma = stackalloc double[2 * Grid * Grid]; // [cell, blue and red]
        chroma.Clear();
        Span<double> rows = stackalloc double[Side * Low]; // [u, y]
        for (var y = 0; y < Side; y++)
        {
            for (var x = 0; x < Side; x++)
            {
                var (column, row) = Stored(x, y, orientation);
                var (red, green, blue) = Mean(pixels, width, Samples(column, width), Samples(row, height));
                var luma = (0.299 * red) + (0.587 * green) + (0.114 * blue);
                var cell = 2 * ((y / (Side / Grid) * Grid) + (x / (Side / Grid)));
                chroma[cell] += 0.564 * (blue - luma);
                chroma[cell + 1] += 0.713 * (red - luma);
                for (var u = 0; u < Low; u++)
                    rows[(u * Side) + y] += luma * _waves[u][x];
            }
        }

        colours = 0;
        foreach (var sum in chroma)
            colours = (colours << 4) | (uint)Math.Clamp((int)Math.Floor(((sum / CellSamples) + 128) / 16), 0, 15);

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

    /// <summary>Whether two images have the same colours in the same places, but for what saving again changes.</summary>
    public static bool HaveSameColours(UInt128 one, UInt128 other)
    {
        for (; one != other; one >>= 4, other >>= 4)
        {
            if (Math.Abs((int)(one & 15) - (int)(other & 15)) > MostColourSteps)
                return false;
        }

        return true;
    }

    private static (int Column, int Row) Stored(int x, int y, int orientation)
    {
        const int Last = Side - 1;
        return orientation switch
        {
            2 => (Last - x, y),
            3 => (Last - x, Last - y),
            4 => (x, Last - y),
            5 => (y, x),
            6 => (y, Last - x),
            7 => (Last - y, Last - x),
            8 => (Last - y, x),
            _ => (x, y),
        };
    }

    // Of the pixels in a cell of the 32, at most eight a side, even over it: their mean is that of all but for the grain.
    private static (int From, int Length, int Count) Samples(int cell, int length)
    {
        var from = (int)((long)cell * length / Side);
        var size = Math.Max(1, (int)((cell + 1L) * length / Side) - from);
        return (from, size, Math.Min(size, MostSamples));
    }

    private static (double Red, double Green, double Blue) Mean(ReadOnlySpan<byte> pixels, int width, (int From, int Length, int Count) columns,
        (int From, int Length, int Count) rows)
    {
        var (red, green, blue) = (0, 0, 0);
        for (var i = 0; i < rows.Count; i++)
        {
            var line = (long)(rows.From + ((((2 * i) + 1) * rows.Length) / (2 * rows.Count))) * width;
            for (var j = 0; j < columns.Count; j++)
            {
                var pixel = pixels.Slice((int)(3 * (line + columns.From + ((((2 * j) + 1) * columns.Length) / (2 * columns.Count)))), 3);
                red += pixel[0];
                green += pixel[1];
                blue += pixel[2];
            }
        }

        double count = rows.Count * columns.Count;
        return (red / count, green / count, blue / count);
    }

    // DCT-II, orthonormal.
    private static double[] Wave(int frequency) =>
    [
        .. from x in Enumerable.Range(0, Side)
           select Math.Sqrt((frequency == 0 ? 1.0 : 2.0) / Side) * Math.Cos(Math.PI * ((2 * x) + 1) * frequency / (2.0 * Side)),
    ];
}
