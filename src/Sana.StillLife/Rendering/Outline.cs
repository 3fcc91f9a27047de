namespace Sana.StillLife.Rendering;

/// <summary>
/// Signed distances to the outlines of shapes: negative inside, positive outside, in radii of the object, y down (after Quilez, "2D distance functions").
/// Near the edge they are exact enough for antialiasing over one pixel.
/// </summary>
internal static class Outline
{
    /// <param name="shape">What to draw.</param>
    /// <param name="x">From the centre to the right, in radii.</param>
    /// <param name="y">From the centre down, in radii.</param>
    public static double Distance(Shape shape, double x, double y) => shape switch
    {
        Shape.Circle => Math.Sqrt((x * x) + (y * y)) - 0.95,
        Shape.Square => Box(x, y, 0.84, 0.84),
        Shape.Triangle => Triangle(x, y + 0.08),
        Shape.Star => Star(x, y),
        Shape.Heart => Heart(x, y),
        Shape.Ring => Math.Abs(Math.Sqrt((x * x) + (y * y)) - 0.72) - 0.25,
        Shape.Cross => Math.Min(Box(x, y, 0.95, 0.32), Box(x, y, 0.32, 0.95)),
        // A circle without a smaller circle to its right.
        _ => Math.Max(Math.Sqrt(((x + 0.1) * (x + 0.1)) + (y * y)) - 0.95, 0.76 - Math.Sqrt(((x - 0.36) * (x - 0.36)) + (y * y))),
    };

    private static double Box(double x, double y, double halfWidth, double halfHeight)
    {
        var (dx, dy) = (Math.Abs(x) - halfWidth, Math.Abs(y) - halfHeight);
        var (outX, outY) = (Math.Max(dx, 0), Math.Max(dy, 0));
        return Math.Sqrt((outX * outX) + (outY * outY)) + Math.Min(Math.Max(dx, dy), 0);
    }

    // Two slopes from the point at (0, −1.05) to the base at y = 0.85.
    private static double Triangle(double x, double y)
    {
        const double height = 1.9, halfBase = 1.08;
        var slope = Math.Sqrt((height * height) + (halfBase * halfBase));
        var side = ((height * Math.Abs(x)) - (halfBase * (y + 1.05))) / slope;
        return Math.Max(side, y - 0.85);
    }

    // Folded onto one half of one of its five rays: the distance to the line from the tip to the notch.
    private static double Star(double x, double y)
    {
        const double outer = 1.08, inner = 0.47, half = Math.PI / 5;
        var angle = Math.Abs((((Math.Atan2(x, -y) + half) % (2 * half)) + (2 * half)) % (2 * half) - half);
        var radius = Math.Sqrt((x * x) + (y * y));
        var (px, py) = (radius * Math.Cos(angle), radius * Math.Sin(angle));
        var (ex, ey) = ((inner * Math.Cos(half)) - outer, inner * Math.Sin(half));
        return (((px - outer) * ey) - (py * ex)) / Math.Sqrt((ex * ex) + (ey * ey));
    }

    // Two circles on a square that is turned by 45 degrees.
    private static double Heart(double x, double y)
    {
        var side = Math.Abs(x);
        var lobe = Math.Sqrt(((side - 0.44) * (side - 0.44)) + ((y + 0.35) * (y + 0.35))) - 0.52;
        var body = Math.Max(((side + y - 0.93) * Math.Sqrt(0.5)), -(y + 0.35));
        var notch = Math.Max(body, side - 0.93);
        return Math.Min(lobe, notch);
    }
}
