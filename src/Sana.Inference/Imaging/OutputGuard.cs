using System.Numerics.Tensors;

namespace Sana.Inference.Imaging;

/// <summary>
/// Finds broken output of networks that compute in too little precision. The limits reject only images in which nothing can be seen: fog, snow, night and a small bird on a
/// white wall pass.
/// </summary>
internal static class OutputGuard
{
    /// <summary>Latents or decoded planes hold a value that is not a number or not finite.</summary>
    public const string Nan = "nan";

    /// <summary>
    /// One colour: in each channel the standard deviation is below <see cref="FlatDeviation"/> and the lightest and darkest value are closer than <see cref="FlatRange"/>.
    /// </summary>
    public const string Flat = "flat";

    /// <summary>No value reaches <see cref="BlackBelow"/>.</summary>
    public const string Black = "black";

    /// <summary>Half a level of 255: the most that rounding of one constant colour can give.</summary>
    public const double FlatDeviation = 0.5;

    /// <summary>Levels of 255: with one detail, however small, that differs by this much, it is an image.</summary>
    public const int FlatRange = 16;

    /// <summary>Level of 255; below it a display shows less than 0.13 % of its brightness.</summary>
    public const int BlackBelow = 4;

    /// <summary><see cref="Nan"/> when a value is not finite, else null.</summary>
    public static string? Check(ReadOnlySpan<float> values) => TensorPrimitives.IsFiniteAll(values) ? null : Nan;

    /// <summary><see cref="Black"/>, <see cref="Flat"/>, or null for a good image. An image that is both is black.</summary>
    public static string? Check(RgbImage image)
    {
        var pixels = image.Pixels.AsSpan();
        if (pixels.IndexOfAnyInRange((byte)BlackBelow, byte.MaxValue) < 0)
            return Black;

        return IsFlat(pixels, channel: 0) && IsFlat(pixels, channel: 1) && IsFlat(pixels, channel: 2) ? Flat : null;
    }

    // Most images return at the first two pixels that differ enough; only a flat one is summed to its end.
    private static bool IsFlat(ReadOnlySpan<byte> pixels, int channel)
    {
        var (least, most) = (byte.MaxValue, byte.MinValue);
        var (sum, squares) = (0L, 0L);
        for (var i = channel; i < pixels.Length; i += 3)
        {
            var level = pixels[i];
            least = Math.Min(least, level);
            most = Math.Max(most, level);
            if (most - least >= FlatRange)
                return false;

            sum += level;
            squares += level * level;
        }

        var count = pixels.Length / 3;
        var mean = (double)sum / count;
        return ((double)squares / count) - (mean * mean) < FlatDeviation * FlatDeviation;
    }
}
