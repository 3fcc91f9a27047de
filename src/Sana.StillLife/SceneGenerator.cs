namespace Sana.StillLife;

/// <summary>Draws random scenes. The same seed gives the same scene on every machine.</summary>
public static class SceneGenerator
{
    // Cumulative probabilities of the arrangements: alone, side by side, stacked, group, trio, sign.
    private static readonly double[] Shares = [0.34, 0.54, 0.70, 0.91, 0.96, 1.0];

    /// <summary>The scene of a seed, without any combination of <see cref="HeldOut"/>: what training uses.</summary>
    public static Scene Draw(ulong seed)
    {
        var random = new SceneRandom(seed);
        while (true)
        {
            var scene = Any(random);
            if (!HeldOut.Contains(scene))
                return scene;
        }
    }

    /// <summary>The scene of a seed, which may show a combination of <see cref="HeldOut"/>.</summary>
    public static Scene DrawAny(ulong seed) => Any(new SceneRandom(seed));

    /// <summary>A scene of an arrangement, which may show a combination of <see cref="HeldOut"/>.</summary>
    public static Scene Draw(Arrangement arrangement, SceneRandom random)
    {
        var background = new Background(random.Pick<Tone>(), random.Pick<Texture>());
        return arrangement switch
        {
            Arrangement.Alone => new(arrangement, [Alone(random)], background),
            Arrangement.SideBySide or Arrangement.Stacked => new(arrangement, Pair(arrangement, random), background),
            Arrangement.Group => new(arrangement, Group(random), background),
            Arrangement.Trio => new(arrangement, Trio(random), background),
            _ => new(arrangement, [Object(random, 0.5, 0.66, random.Pick(SmallOrMedium))], background, random.Pick(Scene.Words)),
        };
    }

    private static readonly ObjectSize[] SmallOrMedium = [ObjectSize.Small, ObjectSize.Medium];

    private static Scene Any(SceneRandom random) => Draw(ArrangementOf(random.Unit()), random);

    private static Arrangement ArrangementOf(double at) => (Arrangement)Array.FindIndex(Shares, end => at < end);

    private static SceneObject Alone(SceneRandom random)
    {
        var place = random.Below(9);
        return Object(random, Jitter(random, 0.25 * (1 + (place % 3)), 0.04), Jitter(random, 0.25 * (1 + (place / 3)), 0.04), random.Pick<ObjectSize>());
    }

    private static SceneObject[] Pair(Arrangement arrangement, SceneRandom random)
    {
        while (true)
        {
            var (near, far) = (Jitter(random, 0.27, 0.03), Jitter(random, 0.73, 0.03));
            var (first, second) = (Jitter(random, 0.5, 0.09), Jitter(random, 0.5, 0.09));
            SceneObject[] pair = arrangement == Arrangement.SideBySide
                ? [Object(random, near, first, random.Pick<ObjectSize>()), Object(random, far, second, random.Pick<ObjectSize>())]
                : [Object(random, first, near, random.Pick<ObjectSize>()), Object(random, second, far, random.Pick<ObjectSize>())];
            // Two equal objects are a group, which has its own captions.
            if (pair[0].Shape != pair[1].Shape || pair[0].Colour != pair[1].Colour)
                return pair;
        }
    }

    // Positions of two, three or four equal objects that are not in a row: a diagonal, a triangle, a square.
    private static readonly (double X, double Y)[][] Figures =
    [
        [(0.28, 0.28), (0.72, 0.72)],
        [(0.5, 0.28), (0.28, 0.72), (0.72, 0.72)],
        [(0.28, 0.28), (0.72, 0.28), (0.28, 0.72), (0.72, 0.72)],
    ];

    private static SceneObject[] Group(SceneRandom random)
    {
        var (count, inRow) = (2 + random.Below(3), random.Chance(0.5));
        var kind = Object(random, 0, 0, inRow && count > 2 ? ObjectSize.Small : random.Pick(SmallOrMedium));
        var across = Jitter(random, 0.5, 0.12);
        if (inRow)
            return [.. Enumerable.Range(0, count).Select(i => kind with { X = Jitter(random, (i + 0.5) / count, 0.01), Y = Jitter(random, across, 0.02) })];
        return [.. Figures[count - 2].Select(at => kind with { X = Jitter(random, at.X, 0.06), Y = Jitter(random, at.Y, 0.06) })];
    }

    private static SceneObject[] Trio(SceneRandom random)
    {
        while (true)
        {
            SceneObject[] trio = [.. Enumerable.Range(0, 3).Select(i => Object(random, Jitter(random, 0.19 + (0.31 * i), 0.015), Jitter(random, 0.5, 0.06), random.Pick(SmallOrMedium)))];
            if (trio.DistinctBy(one => one.Shape).Count() == 3)
                return trio;
        }
    }

    private static SceneObject Object(SceneRandom random, double x, double y, ObjectSize size)
    {
        var radius = size switch { ObjectSize.Small => 0.095, ObjectSize.Medium => 0.14, _ => 0.2 };
        return new SceneObject(random.Pick<Shape>(), random.Pick<Colour>(), size, x, y, Jitter(random, radius, 0.05 * radius));
    }

    private static double Jitter(SceneRandom random, double centre, double reach) => random.Between(centre - reach, centre + reach);
}
