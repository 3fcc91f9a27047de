namespace Sana.StillLife.Analysis;

/// <summary>A picture in a size at which it is read: larger ones are averaged down to 96 to 191 pixels a side.</summary>
internal sealed class Picture
{
    private const int Enough = 96;

    private readonly float[] _values;

    public Picture(ReadOnlySpan<byte> rgb, int side)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(side, 32);
        ArgumentOutOfRangeException.ThrowIfNotEqual(rgb.Length, side * side * 3);
        var times = Math.Max(side / Enough, 1);
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

    public Tint this[int pixel] => new(_values[3 * pixel], _values[(3 * pixel) + 1], _values[(3 * pixel) + 2]);

    /// <summary>The middle value of each channel over some pixels: what they are, whatever a few of them are.</summary>
    public Tint Median(IReadOnlyList<int> pixels)
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
