using Sana.StillLife.Rendering;

namespace Sana.StillLife.Analysis;

/// <summary>A shape placed over an object where it fits best, in pixels of the picture.</summary>
/// <param name="Shape">The shape.</param>
/// <param name="X">Its centre from the left.</param>
/// <param name="Y">Its centre from the top.</param>
/// <param name="Radius">Its radius.</param>
/// <param name="Overlap">Intersection over union of shape and object, 0 to 1.</param>
internal sealed record ShapeFit(Shape Shape, double X, double Y, double Radius, double Overlap)
{
    // Error of edges in a picture, in pixels, whatever the object's size.
    private const double Edge = 0.45;

    // Greatest mean distance of an object's outline from the shape's, in radii.
    // Rendered objects have 0.01, with a blur of 1.2 pixels 0.05; a round smudge has 0.07.
    private const double MaxDistance = 0.06;

    // Only this many shapes are fitted by search: those that fit best before it.
    private const int Candidates = 3;

    /// <summary>1 for equal outlines, 0.5 at the greatest distance that an object of the shape may have, 0 from twice that distance on.</summary>
    public double Confidence
    {
        get
        {
            // The area outside the intersection lies along the outline. Divided by the outline's length it is the mean distance.
            var template = ShapeTemplate.All[(int)Shape];
            var apart = (1 - Overlap) * template.Area / template.Rim;
            return Math.Clamp(1 - (apart / (2 * Math.Max(MaxDistance, Edge / Radius))), 0, 1);
        }
    }

    /// <summary>The best fit of any shape.</summary>
    public static ShapeFit Best(ObjectMask mask) =>
        ShapeTemplate.All.Select(template => First(mask, template)).OrderByDescending(fit => fit.Overlap).Take(Candidates)
            .Select(fit => Refine(mask, fit)).MaxBy(fit => fit.Overlap)!;

    // Area and centre of mass give the place of a whole object. Refine corrects it for one that the picture's edge cuts.
    private static ShapeFit First(ObjectMask mask, ShapeTemplate template)
    {
        var radius = Math.Sqrt(mask.Area / template.Area);
        var (x, y) = (mask.MeanX - (radius * template.MeanX), mask.MeanY - (radius * template.MeanY));
        return new(template.Shape, x, y, radius, Compare(mask, template, x, y, radius));
    }

    private static ShapeFit Refine(ObjectMask mask, ShapeFit fit)
    {
        var template = ShapeTemplate.All[(int)fit.Shape];
        for (var step = 0.08 * fit.Radius; step > 0.015 * fit.Radius; step /= 2)
        {
            for (var moved = true; moved;)
            {
                moved = false;
                foreach (var (dx, dy, dr) in ((double, double, double)[])[(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)])
                {
                    var (x, y, radius) = (fit.X + (dx * step), fit.Y + (dy * step), fit.Radius + (dr * step));
                    var overlap = Compare(mask, template, x, y, radius);
                    if (overlap <= fit.Overlap)
                        continue;
                    (fit, moved) = (new(fit.Shape, x, y, radius, overlap), true);
                }
            }
        }

        return fit;
    }

    private static double Compare(ObjectMask mask, ShapeTemplate template, double x, double y, double radius)
    {
        var (common, together, scale, size, step) = (0f, 0f, (float)(1 / radius), (float)radius, mask.Step);
        for (var row = step / 2; row < mask.Height; row += step)
        {
            var down = (mask.Top + row + 0.5f - (float)y) * scale;
            for (var column = step / 2; column < mask.Width; column += step)
            {
                var drawn = Math.Clamp(0.5f - (template.Distance((mask.Left + column + 0.5f - (float)x) * scale, down) * size), 0, 1);
                var seen = mask[column, row];
                common += Math.Min(drawn, seen);
                together += Math.Max(drawn, seen);
            }
        }

        return common / Math.Max(together, 1e-6f);
    }
}

/// <summary>A shape's outline on a grid, with its area and its centre of mass in radii.</summary>
internal sealed class ShapeTemplate
{
    private const float Reach = 1.4f, Step = 0.02f;

    private const float RimWidth = 0.06f;

    private const int Cells = (int)(2 * Reach / Step) + 1;

    private readonly float[] _distances = new float[Cells * Cells];

    private ShapeTemplate(Shape shape)
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
    public static ShapeTemplate[] All { get; } = [.. Enum.GetValues<Shape>().Select(shape => new ShapeTemplate(shape))];

    public Shape Shape { get; }

    public double Area { get; }

    /// <summary>Length of its outline in radii.</summary>
    public double Rim { get; }

    public double MeanX { get; }

    public double MeanY { get; }

    /// <summary>Signed distance to the outline at a place in radii from the centre; outside the grid just 1.</summary>
    public float Distance(float x, float y)
    {
        var (column, row) = ((int)(((x + Reach) * (1 / Step)) + 0.5f), (int)(((y + Reach) * (1 / Step)) + 0.5f));
        return x < -Reach || y < -Reach || column >= Cells || row >= Cells ? 1 : _distances[(row * Cells) + column];
    }
}
