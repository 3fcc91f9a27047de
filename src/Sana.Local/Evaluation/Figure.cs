using Sana.Inference.Imaging;
using Sana.Local.Evaluation.Report;

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

/// <summary>Best of N by CLIP score: the images of a prompt in groups of N, and of each group the one that scores highest.</summary>
internal static class BestOfFigures
{
    private static readonly int[] Sizes = [1, 2, 4, 8];

    /// <param name="drawn">Those of one prompt together.</param>
    /// <param name="images">Of each prompt.</param>
    /// <param name="scores">Of CLIP, as many as drawn.</param>
    public static IReadOnlyList<BestOfRow> Rows(IReadOnlyList<Drawn> drawn, int images, double[] scores) =>
        [.. Sizes.Where(n => n <= images).Select(n => new BestOfRow(n, Chosen(drawn, images, scores, n)))];

    private static Figure Chosen(IReadOnlyList<Drawn> drawn, int images, double[] scores, int n)
    {
        // What is left over of a prompt's images when N does not divide them is not used.
        int[] chosen =
        [
            .. Enumerable.Range(0, drawn.Count).Chunk(images).SelectMany(prompt => prompt.Chunk(n).Where(group => group.Length == n))
                .Select(group => group.MaxBy(i => double.IsNaN(scores[i]) ? double.MinValue : scores[i])),
        ];
        return Figure.Of([.. chosen.Select(i => drawn[i].IsMet)], [.. chosen.Select(i => scores[i])]);
    }
}

/// <summary>Images of one size side by side.</summary>
internal static class ImageGrid
{
    /// <param name="images">Row by row; where one is missing it stays white.</param>
    /// <param name="columns">Images in a row.</param>
    /// <param name="side">Pixels of an image's side.</param>
    public static RgbImage Of(IReadOnlyList<RgbImage?> images, int columns, int side)
    {
        var (width, rows) = (columns * side, (images.Count + columns - 1) / columns);
        var pixels = new byte[width * rows * side * 3];
        pixels.AsSpan().Fill(255);
        for (var i = 0; i < images.Count; i++)
        {
            for (var y = 0; images[i] is { } image && y < side; y++)
                image.Pixels.AsSpan(y * side * 3, side * 3).CopyTo(pixels.AsSpan(((((i / columns) * side) + y) * width * 3) + ((i % columns) * side * 3)));
        }

        return new(width, rows * side, pixels);
    }
}
