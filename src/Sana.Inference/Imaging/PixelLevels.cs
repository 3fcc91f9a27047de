namespace Sana.Inference.Imaging;

/// <summary>8-bit pixels to the planes that an image network reads, as transformers' image processors do it: rescaled in double, stored as float32, then normalised in float32.</summary>
internal sealed class PixelLevels
{
    private readonly float[] _values = new float[3 * 256]; // [channel, level]

    public PixelLevels(double rescaleFactor, IReadOnlyList<double> mean, IReadOnlyList<double> std)
    {
        for (var i = 0; i < _values.Length; i++)
        {
            var rescaled = (float)(i % 256 * rescaleFactor);
            _values[i] = (rescaled - (float)mean[i / 256]) / (float)std[i / 256];
        }
    }

    /// <summary>Writes [3, count] of pixels [count, 3].</summary>
    public void Write(ReadOnlySpan<byte> pixels, Span<float> planes)
    {
        var count = planes.Length / 3;
        var red = planes[..count];
        var green = planes.Slice(count, count);
        var blue = planes.Slice(2 * count, count);
        var values = _values.AsSpan();
        for (var i = 0; i < red.Length; i++)
        {
            red[i] = values[pixels[3 * i]];
            green[i] = values[256 + pixels[(3 * i) + 1]];
            blue[i] = values[512 + pixels[(3 * i) + 2]];
        }
    }
}
