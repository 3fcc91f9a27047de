using Sana.StillLife.Rendering;

namespace Sana.StillLife.Analysis;

/// <summary>A shape's outline on a grid, with its area and its centre of mass in radii.</summary>
internal sealed class Template
{
    private const float Reach = 1.4f, Step = 0.02f;

    private const float RimWidth = 0.06f;

    private const int Cells = (int)(2 * Reach / Step) + 1;

    private readonly float[] _distances = new float[Cells * Cells];

    private Template(Shape shape)
    {
        Shape = shape;
        for (var i = 0; i < _distances.Length; i++)
        {
            var (x, y) = (((i % Cells) * Step) - Reach, ((i / Cells) * Step) - Reach);
            _distances[i] = (float)Outline.Distance(shape, x, y);
            Rim += Math.Abs(_distances[i]) < RimWidth ? Step * Step / (2 * RimWidth) : 0;
            if (_distances[i] >= 0)
                continue;
            (Area, MeanX, MeanY) = (Area + (Step * Step), MeanX + x, MeanY + y);
        }

        (MeanX, MeanY) = (MeanX * Step * Step / Area, MeanY * Step * Step / Area);
    }

    /// <summary>All shapes, in their order.</summary>
    public static Template[] All { get; } = [.. Enum.GetValues<Shape>().Select(shape => new Template(shape))];

    public Shape Shape { get; }

    public double Area { get; }

    /// <summary>How long its outline is, in radii.</summary>
    public double Rim { get; }

    public double MeanX { get; }

    public double MeanY { get; }

    /// <summary>The outline's distance at a place in radii from the centre; far outside it is only positive.</summary>
    public float Distance(float x, float y)
    {
        var (column, row) = ((int)(((x + Reach) * (1 / Step)) + 0.5f), (int)(((y + Reach) * (1 / Step)) + 0.5f));
        return x < -Reach || y < -Reach || column >= Cells || row >= Cells ? 1 : _distances[(row * Cells) + column];
    }
}
