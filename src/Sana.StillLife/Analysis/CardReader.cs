using Sana.StillLife.Rendering;

namespace Sana.StillLife.Analysis;

/// <summary>Finds the card with the word, which is at the same place in all scenes, and reads it.</summary>
internal static class CardReader
{
    // The frame is darker than the card by 140. A seventh of that on all four sides is enough: the picture may be blurred.
    private const double Contrast = 20;

    private const double Frame = 0.007, Margin = 0.02;

    // Least correlation of the ink with a word's letters.
    private const double Legible = 0.6;

    /// <summary>Whether a place, 0 to 1 of the picture's side, lies on the card or next to it.</summary>
    public static bool IsWithin(double x, double y) =>
        Math.Abs(x - Lettering.CardX) < Lettering.CardHalfWidth + Margin && Math.Abs(y - Lettering.CardY) < Lettering.CardHalfHeight + Margin;

    /// <summary>Whether the picture shows a card.</summary>
    public static bool IsIn(Picture picture)
    {
        var (width, height) = (Lettering.CardHalfWidth - Frame, Lettering.CardHalfHeight - Frame);
        return IsLine(picture, -width, 0, 0, height) && IsLine(picture, width, 0, 0, height) && IsLine(picture, 0, -height, width, 0) && IsLine(picture, 0, height, width, 0);
    }

    /// <summary>The word that correlates most with the ink; empty where none correlates enough.</summary>
    public static string Read(Picture picture)
    {
        var (word, agreement) = Scene.Words.Select(word => (word, Agreement(picture, word))).MaxBy(pair => pair.Item2);
        return agreement >= Legible ? word : "";
    }

    // Whether one side of the frame, given by the offset of its middle and by its half length, is darker than the card a little further inside.
    private static bool IsLine(Picture picture, double offsetX, double offsetY, double alongX, double alongY)
    {
        const int samples = 24;
        var (line, within) = (0.0, 0.0);
        for (var i = 0; i < samples; i++)
        {
            var at = 0.9 * ((2 * (i + 0.5) / samples) - 1);
            var (x, y) = (Lettering.CardX + offsetX + (at * alongX), Lettering.CardY + offsetY + (at * alongY));
            line += Light(picture, x, y);
            within += Light(picture, x - (Math.Sign(offsetX) * 0.025), y - (Math.Sign(offsetY) * 0.025));
        }

        return (within - line) / samples > Contrast;
    }

    private static double Light(Picture picture, double x, double y)
    {
        var rgb = picture[((int)(y * picture.Side) * picture.Side) + (int)(x * picture.Side)];
        return (rgb.R + rgb.G + rgb.B) / 3;
    }

    private static double Agreement(Picture picture, string word)
    {
        var (n, ink, dark, inkInk, darkDark, inkDark) = (0, 0.0, 0.0, 0.0, 0.0, 0.0);
        for (var i = 0; i < picture.Side * picture.Side; i++)
        {
            var (x, y) = (((i % picture.Side) + 0.5) / picture.Side, ((i / picture.Side) + 0.5) / picture.Side);
            if (Math.Abs(x - Lettering.CardX) > Lettering.CardHalfWidth - 0.03 || Math.Abs(y - Lettering.CardY) > Lettering.CardHalfHeight - 0.03)
                continue;
            var (expected, seen) = (Ink(word, x, y, picture.Side), 255 - Light(picture, x, y));
            (n, ink, dark) = (n + 1, ink + expected, dark + seen);
            (inkInk, darkDark, inkDark) = (inkInk + (expected * expected), darkDark + (seen * seen), inkDark + (expected * seen));
        }

        return ((n * inkDark) - (ink * dark)) / Math.Sqrt(Math.Max(((n * inkInk) - (ink * ink)) * ((n * darkDark) - (dark * dark)), 1));
    }

    // Average ink over a pixel: in a picture of 64 × 64 pixels the dots of letters are two pixels wide.
    private static double Ink(string word, double x, double y, int side)
    {
        var ink = 0;
        for (var s = 0; s < 9; s++)
            ink += Lettering.IsInked(word, x + (((s % 3) - 1) / (3.0 * side)), y + (((s / 3) - 1) / (3.0 * side))) ? 1 : 0;
        return ink / 9.0;
    }
}
