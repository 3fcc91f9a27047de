namespace Sana.StillLife.Analysis;

/// <summary>A shape laid over an object as well as it can be, in pixels of the picture.</summary>
/// <param name="Shape">The shape.</param>
/// <param name="X">Its centre from the left.</param>
/// <param name="Y">Its centre from the top.</param>
/// <param name="Radius">Its radius.</param>
/// <param name="Overlap">What shape and object have in common of what they cover together, 0 to 1.</param>
internal sealed record OutlineFit(Shape Shape, double X, double Y, double Radius, double Overlap)
{
    // The picture's own edges are good to this part of a pixel, whatever the object's size.
    private const double Edge = 0.45;

    // How far an object's outline may be from the shape's, as a mean over the whole outline, in radii. Rendered objects have 0.01, through a blur of 1.2 pixels 0.05; a round smudge has 0.07.
    private const double MostApart = 0.06;

    // How many shapes come near without any search; the others stay behind.
    private const int Promising = 3;

    /// <summary>1 where both outlines agree, 0.5 where they are as far apart as an object of that shape may be, 0 from twice as far on.</summary>
    public double Confidence
    {
        get
        {
            // What they do not share lies along the outline: divided by its length it is how far they are apart.
            var template = Template.All[(int)Shape];
            var apart = (1 - Overlap) * template.Area / template.Rim;
            return Math.Clamp(1 - (apart / (2 * Math.Max(MostApart, Edge / Radius))), 0, 1);
        }
    }

    /// <summary>The best fit of any shape.</summary>
    public static OutlineFit Best(Cutout cutout) =>
        Template.All.Select(template => First(cutout, template)).OrderByDescending(fit => fit.Overlap).Take(Promising)
            .Select(fit => Refine(cutout, fit)).MaxBy(fit => fit.Overlap)!;

    // Area and centre of mass alone place a whole object; one that is cut by the picture's edge is found by the search.
    private static OutlineFit First(Cutout cutout, Template template)
    {
        var radius = Math.Sqrt(cutout.Area / template.Area);
        var (x, y) = (cutout.MeanX - (radius * template.MeanX), cutout.MeanY - (radius * template.MeanY));
        return new(template.Shape, x, y, radius, Compare(cutout, template, x, y, radius));
    }

    private static OutlineFit Refine(Cutout cutout, OutlineFit fit)
    {
        var template = Template.All[(int)fit.Shape];
        for (var step = 0.08 * fit.Radius; step > 0.015 * fit.Radius; step /= 2)
        {
            for (var moved = true; moved;)
            {
                moved = false;
                foreach (var (dx, dy, dr) in ((double, double, double)[])[(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)])
                {
                    var (x, y, radius) = (fit.X + (dx * step), fit.Y + (dy * step), fit.Radius + (dr * step));
                    var overlap = Compare(cutout, template, x, y, radius);
                    if (overlap <= fit.Overlap)
                        continue;
                    (fit, moved) = (new(fit.Shape, x, y, radius, overlap), true);
                }
            }
        }

        return fit;
    }

    private static double Compare(Cutout cutout, Template template, double x, double y, double radius)
    {
        var (common, together, scale, size, step) = (0f, 0f, (float)(1 / radius), (float)radius, cutout.Step);
        for (var row = step / 2; row < cutout.Height; row += step)
        {
            var down = (cutout.Top + row + 0.5f - (float)y) * scale;
            for (var column = step / 2; column < cutout.Width; column += step)
            {
                var drawn = Math.Clamp(0.5f - (template.Distance((cutout.Left + column + 0.5f - (float)x) * scale, down) * size), 0, 1);
                var seen = cutout[column, row];
                common += Math.Min(drawn, seen);
                together += Math.Max(drawn, seen);
            }
        }

        return common / Math.Max(together, 1e-6f);
    }
}
