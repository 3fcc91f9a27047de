namespace Sana.StillLife.Analysis;

/// <summary>Reads a blob as one object, or as some that touch where one fits badly.</summary>
internal static class Touching
{
    // Three in a row can touch.
    private const int MostCuts = 2;

    private const int Rounds = 12;

    /// <summary>The objects of a blob; none where neither it nor any way to cut it gives shapes alone.</summary>
    public static IReadOnlyList<SeenObject> Parts(Picture picture, Ground ground, List<int> blob, bool[] taken, int least, int cuts = MostCuts)
    {
        var whole = Read(picture, ground, blob, taken);
        if (whole.Confidence >= SceneAnalyser.LeastConfidence)
            return [whole];

        foreach (var halves in cuts == 0 ? [] : (List<int>[][])[ByColour(picture, blob), ByPlace(picture, blob)])
        {
            if (halves.Any(half => half.Count < least))
                continue;
            SeenObject[][] parts = [.. halves.Select(half => Parts(picture, ground, half, taken, least, cuts - 1).ToArray())];
            if (parts.All(half => half.Length > 0))
                return [.. parts.SelectMany(half => half)];
        }

        return [];
    }

    private static SeenObject Read(Picture picture, Ground ground, List<int> blob, bool[] taken)
    {
        var colour = picture.Median(Blobs.Core(blob, picture.Side));
        var fit = OutlineFit.Best(new Cutout(picture, ground, blob, taken, colour));
        return new(fit.Shape, colour.Name(), fit.X / picture.Side, fit.Y / picture.Side, fit.Radius / picture.Side, fit.Confidence);
    }

    // The two commonest names of colours in the core; every pixel goes to the nearer of the two.
    private static List<int>[] ByColour(Picture picture, List<int> blob)
    {
        var names = Blobs.Core(blob, picture.Side).GroupBy(at => picture[at].Name()).OrderByDescending(group => group.Count()).Take(2).ToList();
        if (names.Count < 2)
            return [blob, []];
        var (one, other) = (picture.Median([.. names[0]]), picture.Median([.. names[1]]));
        return Halves(blob, at => (picture[at] - one).Length <= (picture[at] - other).Length);
    }

    // Two means, begun at the ends of the longer way.
    private static List<int>[] ByPlace(Picture picture, List<int> blob)
    {
        var side = picture.Side;
        var (left, right, top, bottom) = (blob.Min(at => at % side), blob.Max(at => at % side), blob.Min(at => at / side), blob.Max(at => at / side));
        double[][] means = right - left > bottom - top ? [[left, (top + bottom) / 2.0], [right, (top + bottom) / 2.0]] : [[(left + right) / 2.0, top], [(left + right) / 2.0, bottom]];
        var halves = Halves(blob, IsFirst);
        for (var round = 0; round < Rounds && halves.All(half => half.Count > 0); round++)
        {
            means = [.. halves.Select(half => (double[])[half.Average(at => at % side), half.Average(at => at / side)])];
            halves = Halves(blob, IsFirst);
        }

        return halves;

        bool IsFirst(int at) => Far(at, means[0]) <= Far(at, means[1]);

        double Far(int at, double[] mean) => (((at % side) - mean[0]) * ((at % side) - mean[0])) + (((at / side) - mean[1]) * ((at / side) - mean[1]));
    }

    private static List<int>[] Halves(List<int> blob, Func<int, bool> isFirst) => [[.. blob.Where(isFirst)], [.. blob.Where(at => !isFirst(at))]];
}
