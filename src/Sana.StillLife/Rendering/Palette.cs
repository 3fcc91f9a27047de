namespace Sana.StillLife.Rendering;

/// <summary>The colours of objects and backgrounds in 8-bit sRGB.</summary>
internal static class Palette
{
    public static (double R, double G, double B) Rgb(Colour colour) => colour switch
    {
        Colour.Red => (214, 40, 40),
        Colour.Orange => (246, 140, 30),
        Colour.Yellow => (250, 215, 45),
        Colour.Green => (50, 160, 70),
        Colour.Teal => (30, 175, 185),
        Colour.Blue => (40, 85, 215),
        Colour.Purple => (130, 60, 180),
        Colour.Pink => (245, 125, 180),
        Colour.Brown => (125, 75, 40),
        _ => (38, 38, 42),
    };

    public static (double R, double G, double B) Rgb(Tone tone) => tone switch
    {
        Tone.Cream => (250, 243, 224),
        Tone.Grey => (220, 222, 226),
        Tone.PaleBlue => (205, 225, 245),
        Tone.PaleGreen => (212, 236, 212),
        _ => (248, 219, 227),
    };
}
