namespace Sana.StillLife.Rendering;

/// <summary>Backgrounds: how much darker than its tone a place is.</summary>
internal static class Backdrop
{
    private const double Darker = 0.93;

    /// <param name="texture">The pattern.</param>
    /// <param name="x">0 to 1 of the picture's side.</param>
    /// <param name="y">0 to 1 of the picture's side.</param>
    /// <param name="pixel">The side of a pixel, over which edges are softened.</param>
    public static double Light(Texture texture, double x, double y, double pixel) => texture switch
    {
        Texture.Plain => 1,
        Texture.Shaded => 1.02 - (0.16 * y),
        Texture.Striped => Mix(Wave(x, 4, pixel)),
        Texture.Checked => Mix(Chequer(Wave(x, 3, pixel), Wave(y, 3, pixel))),
        _ => Mix(Dot(x, y, pixel)),
    };

    private static double Mix(double part) => 1 - ((1 - Darker) * part);

    // A square wave with soft edges: 0 or 1 by half periods.
    private static double Wave(double at, int periods, double pixel) =>
        Math.Clamp((Math.Sin(2 * Math.PI * periods * at) / (2 * Math.PI * periods * pixel)) + 0.5, 0, 1);

    private static double Chequer(double across, double down) => (across * (1 - down)) + (down * (1 - across));

    private static double Dot(double x, double y, double pixel)
    {
        const int across = 5;
        var (dx, dy) = (((x * across) % 1) - 0.5, ((y * across) % 1) - 0.5);
        return Math.Clamp(((0.26 - Math.Sqrt((dx * dx) + (dy * dy))) / (across * pixel)) + 0.5, 0, 1);
    }
}
