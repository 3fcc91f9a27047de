namespace Sana.StillLife.Rendering;

/// <summary>Renders a scene: background, soft shadows, then objects with light from the upper left.</summary>
public static class SceneRenderer
{
    // Samples of a pixel of the card, in both directions. All other edges are antialiased by their distance.
    private const int LetterSamples = 3;

    /// <param name="scene">The scene.</param>
    /// <param name="side">Pixels on a side, 16 to 2,048.</param>
    /// <returns>side × side × 3 bytes, rows from the top, RGB.</returns>
    public static byte[] Render(Scene scene, int side)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(side, 16);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(side, 2_048);
        var canvas = new double[side * side * 3];
        PaintBackground(canvas, side, scene.Background);
        if (scene.Word is { } word)
            PaintCard(canvas, side, word);
        foreach (var one in scene.Objects)
            PaintShadow(canvas, side, one);
        foreach (var one in scene.Objects)
            PaintObject(canvas, side, one);

        var pixels = new byte[canvas.Length];
        for (var i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)Math.Clamp(Math.Round(canvas[i]), 0, 255);
        return pixels;
    }

    private static void PaintBackground(double[] canvas, int side, Background background)
    {
        var (r, g, b) = Palette.Rgb(background.Tone);
        for (var i = 0; i < side * side; i++)
        {
            var light = Backdrop.Light(background.Texture, ((i % side) + 0.5) / side, ((i / side) + 0.5) / side, 1.0 / side);
            (canvas[3 * i], canvas[(3 * i) + 1], canvas[(3 * i) + 2]) = (r * light, g * light, b * light);
        }
    }

    private static void PaintCard(double[] canvas, int side, string word)
    {
        ForEach(side, Lettering.CardX, Lettering.CardY, Lettering.CardHalfWidth + 0.02, (i, x, y) =>
        {
            var edge = Math.Max(Math.Abs(x - Lettering.CardX) - Lettering.CardHalfWidth, Math.Abs(y - Lettering.CardY) - Lettering.CardHalfHeight) * side;
            Blend(canvas, i, 120, 110, 100, Math.Clamp(0.5 - edge, 0, 1));
            Blend(canvas, i, 255, 255, 252, Math.Clamp(0.5 - edge - (0.014 * side), 0, 1));
            var ink = 0;
            for (var s = 0; s < LetterSamples * LetterSamples; s++)
            {
                var (sx, sy) = ((((s % LetterSamples) + 0.5) / LetterSamples) - 0.5, (((s / LetterSamples) + 0.5) / LetterSamples) - 0.5);
                ink += Lettering.IsInked(word, x + (sx / side), y + (sy / side)) ? 1 : 0;
            }

            Blend(canvas, i, 40, 40, 48, ink / (double)(LetterSamples * LetterSamples));
        });
    }

    private static void PaintShadow(double[] canvas, int side, SceneObject one)
    {
        const double right = 0.012, down = 0.028, soft = 0.3;
        ForEach(side, one.X + right, one.Y + down, (1 + soft) * 1.15 * one.Radius, (i, x, y) =>
        {
            var distance = Outline.Distance(one.Shape, (x - one.X - right) / one.Radius, (y - one.Y - down) / one.Radius);
            var part = Math.Clamp(0.5 - (distance / soft), 0, 1);
            Blend(canvas, i, 70, 70, 80, 0.3 * part * part * (3 - (2 * part)));
        });
    }

    private static void PaintObject(double[] canvas, int side, SceneObject one)
    {
        var (r, g, b) = Palette.Rgb(one.Colour);
        ForEach(side, one.X, one.Y, 1.2 * one.Radius, (i, x, y) =>
        {
            var (dx, dy) = ((x - one.X) / one.Radius, (y - one.Y) / one.Radius);
            var distance = Outline.Distance(one.Shape, dx, dy);
            var cover = Math.Clamp(0.5 - (distance * one.Radius * side), 0, 1);
            if (cover == 0)
                return;
            // Brighter towards the light, darker at the rim, but not so much that the colour looks like another one.
            var light = 1.02 - (0.12 * (dx + dy)) - (0.16 * Math.Exp(distance / 0.12));
            var gloss = 42 * Math.Exp(-(((dx + 0.36) * (dx + 0.36)) + ((dy + 0.36) * (dy + 0.36))) / 0.07);
            Blend(canvas, i, (r * light) + gloss, (g * light) + gloss, (b * light) + gloss, cover);
        });
    }

    private static void ForEach(int side, double x, double y, double reach, Action<int, double, double> paint)
    {
        var (left, right) = (Math.Max((int)((x - reach) * side), 0), Math.Min((int)((x + reach) * side) + 1, side - 1));
        var (top, bottom) = (Math.Max((int)((y - reach) * side), 0), Math.Min((int)((y + reach) * side) + 1, side - 1));
        for (var row = top; row <= bottom; row++)
        {
            for (var column = left; column <= right; column++)
                paint((row * side) + column, (column + 0.5) / side, (row + 0.5) / side);
        }
    }

    private static void Blend(double[] canvas, int pixel, double r, double g, double b, double part)
    {
        canvas[3 * pixel] += (Math.Min(r, 255) - canvas[3 * pixel]) * part;
        canvas[(3 * pixel) + 1] += (Math.Min(g, 255) - canvas[(3 * pixel) + 1]) * part;
        canvas[(3 * pixel) + 2] += (Math.Min(b, 255) - canvas[(3 * pixel) + 2]) * part;
    }
}

/// <summary>The patterns of backgrounds: how much darker than the tone a place is.</summary>
internal static class Backdrop
{
    private const double Darker = 0.93;

    /// <param name="texture">The pattern.</param>
    /// <param name="x">0 to 1 of the picture's side.</param>
    /// <param name="y">0 to 1 of the picture's side.</param>
    /// <param name="pixel">The side of a pixel; edges are blended over it.</param>
    public static double Light(Texture texture, double x, double y, double pixel) => texture switch
    {
        Texture.Plain => 1,
        Texture.Shaded => 1.02 - (0.16 * y),
        Texture.Striped => Mix(Wave(x, 4, pixel)),
        Texture.Checked => Mix(Chequer(Wave(x, 3, pixel), Wave(y, 3, pixel))),
        _ => Mix(Dot(x, y, pixel)),
    };

    private static double Mix(double part) => 1 - ((1 - Darker) * part);

    // A square wave with soft edges: 0 and 1 by turns, half a period each.
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
