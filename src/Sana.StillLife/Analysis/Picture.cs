using Sana.StillLife.Rendering;

namespace Sana.StillLife.Analysis;

/// <summary>A picture at the size at which it is read: larger ones are averaged down to 96 to 191 pixels a side.</summary>
internal sealed class Picture
{
    private const int MinSide = 96;

    private readonly float[] _values;

    public Picture(ReadOnlySpan<byte> rgb, int side)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(side, 32);
        ArgumentOutOfRangeException.ThrowIfNotEqual(rgb.Length, side * side * 3);
        var times = Math.Max(side / MinSide, 1);
        Side = side / times;
        _values = new float[Side * Side * 3];
        for (var y = 0; y < Side * times; y++)
        {
            for (var x = 0; x < Side * times; x++)
            {
                var (to, from) = (3 * (((y / times) * Side) + (x / times)), 3 * ((y * side) + x));
                for (var c = 0; c < 3; c++)
                    _values[to + c] += rgb[from + c] / (float)(times * times);
            }
        }
    }

    /// <summary>Pixels on a side.</summary>
    public int Side { get; }

    public Rgb this[int pixel] => new(_values[3 * pixel], _values[(3 * pixel) + 1], _values[(3 * pixel) + 2]);

    /// <summary>The median of each channel over some pixels.</summary>
    public Rgb Median(IReadOnlyList<int> pixels)
    {
        Span<float> middle = stackalloc float[3];
        var values = new float[pixels.Count];
        for (var c = 0; c < 3; c++)
        {
            for (var i = 0; i < values.Length; i++)
                values[i] = _values[(3 * pixels[i]) + c];
            Array.Sort(values);
            middle[c] = values[values.Length / 2];
        }

        return new(middle[0], middle[1], middle[2]);
    }
}

/// <summary>A colour in the units of 8-bit sRGB.</summary>
internal readonly record struct Rgb(float R, float G, float B)
{
    private static readonly (Colour Colour, Rgb Rgb)[] Names =
        [.. Enum.GetValues<Colour>().Select(colour => (colour, new Rgb((float)Palette.Rgb(colour).R, (float)Palette.Rgb(colour).G, (float)Palette.Rgb(colour).B)))];

    public float Length => MathF.Sqrt(Dot(this, this));

    /// <summary>The nearest colour of the palette, at any of the brightnesses that objects have.</summary>
    public Colour Name()
    {
        var (self, best, least) = (this, Colour.Red, float.MaxValue);
        foreach (var (colour, rgb) in Names)
        {
            var light = Math.Clamp(Dot(self, rgb) / Dot(rgb, rgb), 0.8f, 1.15f);
            var distance = (self - (rgb * light)).Length;
            if (distance < least)
                (best, least) = (colour, distance);
        }

        return best;
    }

    public static float Dot(Rgb a, Rgb b) => (a.R * b.R) + (a.G * b.G) + (a.B * b.B);

    public static Rgb operator -(Rgb a, Rgb b) => new(a.R - b.R, a.G - b.G, a.B - b.B);

    public static Rgb operator *(Rgb a, float by) => new(a.R * by, a.G * by, a.B * by);
}
