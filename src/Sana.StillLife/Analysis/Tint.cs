using Sana.StillLife.Rendering;

namespace Sana.StillLife.Analysis;

/// <summary>A colour as 8-bit sRGB, in fractions.</summary>
internal readonly record struct Tint(float R, float G, float B)
{
    private static readonly (Colour Colour, Tint Tint)[] Names =
        [.. Enum.GetValues<Colour>().Select(colour => (colour, new Tint((float)Palette.Of(colour).R, (float)Palette.Of(colour).G, (float)Palette.Of(colour).B)))];

    public float Length => MathF.Sqrt(Dot(this, this));

    /// <summary>The nearest colour of the palette, in any of the lights that objects stand in.</summary>
    public Colour Name()
    {
        var (self, best, least) = (this, Colour.Red, float.MaxValue);
        foreach (var (colour, tint) in Names)
        {
            var light = Math.Clamp(Dot(self, tint) / Dot(tint, tint), 0.8f, 1.15f);
            var distance = (self - (tint * light)).Length;
            if (distance < least)
                (best, least) = (colour, distance);
        }

        return best;
    }

    public static float Dot(Tint a, Tint b) => (a.R * b.R) + (a.G * b.G) + (a.B * b.B);

    public static Tint operator -(Tint a, Tint b) => new(a.R - b.R, a.G - b.G, a.B - b.B);

    public static Tint operator *(Tint a, float by) => new(a.R * by, a.G * by, a.B * by);
}
