namespace Sana.StillLife.Analysis;

/// <summary>
/// Reads a picture of a scene without a neural network.
/// Pixels that differ from the pale background in more than brightness belong to an object; their median is its colour, and its shape is the one whose outline
/// fits them best.
/// </summary>
public static class SceneAnalyser
{
    // The smallest object, a thin cross of the smallest radius, covers 0.009 of a picture.
    private const double LeastArea = 0.003;

    // The smallest objects have 0.09.
    private const double LeastRadius = 0.06;

    /// <summary>Reads a picture.</summary>
    /// <param name="rgb">side × side × 3 bytes, rows from the top, RGB.</param>
    /// <param name="side">Pixels on a side, at least 32.</param>
    public static SeenScene Read(ReadOnlySpan<byte> rgb, int side)
    {
        var picture = new Picture(rgb, side);
        var background = new BackgroundEstimate(picture);
        var word = CardReader.IsIn(picture) ? CardReader.Read(picture) : null;
        var covered = new bool[picture.Side * picture.Side];
        for (var i = 0; i < covered.Length; i++)
            covered[i] = background.IsCovered(picture[i]) && (word is null || !CardReader.IsWithin(((i % picture.Side) + 0.5) / picture.Side, ((i / picture.Side) + 0.5) / picture.Side));

        var least = (int)(LeastArea * covered.Length);
        var objects = Blobs.Find(covered, picture.Side, least).SelectMany(blob => BlobReader.ReadObjects(picture, background, blob, covered, least))
            .Where(seen => seen.Radius >= LeastRadius);
        return new([.. objects.OrderBy(one => (int)(one.Y * 3)).ThenBy(one => one.X)], word);
    }
}

/// <summary>Reads a blob as one object, or as several that touch if no single shape fits it.</summary>
internal static class BlobReader
{
    // Rendered objects have 0.9.
    private const double LeastConfidence = 0.5;

    // Three objects in a row can touch.
    private const int MaxCuts = 2;

    private const int MaxRounds = 12;

    /// <summary>The objects of a blob; none if neither the blob nor any way to cut it gives known shapes.</summary>
    public static IReadOnlyList<SeenObject> ReadObjects(Picture picture, BackgroundEstimate background, List<int> blob, bool[] covered, int least, int cuts = MaxCuts)
    {
        var whole = Read(picture, background, blob, covered);
        if (whole.Confidence >= LeastConfidence)
            return [whole];

        foreach (var halves in cuts == 0 ? [] : (List<int>[][])[ByColour(picture, blob), ByPlace(picture, blob)])
        {
            if (halves.Any(half => half.Count < least))
                continue;
            SeenObject[][] parts = [.. halves.Select(half => ReadObjects(picture, background, half, covered, least, cuts - 1).ToArray())];
            if (parts.All(half => half.Length > 0))
                return [.. parts.SelectMany(half => half)];
        }

        return [];
    }

    private static SeenObject Read(Picture picture, BackgroundEstimate background, List<int> blob, bool[] covered)
    {
        var colour = picture.Median(Blobs.Core(blob, picture.Side));
        var fit = ShapeFit.Best(new ObjectMask(picture, background, blob, covered, colour));
        return new(fit.Shape, colour.Name(), fit.X / picture.Side, fit.Y / picture.Side, fit.Radius / picture.Side, fit.Confidence);
    }

    // Cuts by the two most frequent colours of the core: every pixel goes to the nearer one.
    private static List<int>[] ByColour(Picture picture, List<int> blob)
    {
        var names = Blobs.Core(blob, picture.Side).GroupBy(at => picture[at].Name()).OrderByDescending(group => group.Count()).Take(2).ToList();
        if (names.Count < 2)
            return [blob, []];
        var (one, other) = (picture.Median([.. names[0]]), picture.Median([.. names[1]]));
        return Halves(blob, at => (picture[at] - one).Length <= (picture[at] - other).Length);
    }

    // Cuts by position: 2-means, started at the ends of the longer side.
    private static List<int>[] ByPlace(Picture picture, List<int> blob)
    {
        var side = picture.Side;
        var (left, right, top, bottom) = (blob.Min(at => at % side), blob.Max(at => at % side), blob.Min(at => at / side), blob.Max(at => at / side));
        double[][] means = right - left > bottom - top ? [[left, (top + bottom) / 2.0], [right, (top + bottom) / 2.0]] : [[(left + right) / 2.0, top], [(left + right) / 2.0, bottom]];
        var halves = Halves(blob, IsFirst);
        for (var round = 0; round < MaxRounds && halves.All(half => half.Count > 0); round++)
        {
            means = [.. halves.Select(half => (double[])[half.Average(at => at % side), half.Average(at => at / side)])];
            halves = Halves(blob, IsFirst);
        }

        return halves;

        bool IsFirst(int at) => SquaredDistance(at, means[0]) <= SquaredDistance(at, means[1]);

        double SquaredDistance(int at, double[] mean) => (((at % side) - mean[0]) * ((at % side) - mean[0])) + (((at / side) - mean[1]) * ((at / side) - mean[1]));
    }

    private static List<int>[] Halves(List<int> blob, Func<int, bool> isFirst) => [[.. blob.Where(isFirst)], [.. blob.Where(at => !isFirst(at))]];
}
