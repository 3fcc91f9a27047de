using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>
/// Where a token stands, as sines and cosines of its column (first half of the channels) and its row. Any grid is stretched to the base grid, so a small picture's left is a large picture's left.
/// </summary>
internal static class SinCosPositions
{
    /// <returns>[1, height · width, channels].</returns>
    public static Tensor Of(long height, long width, long channels, long baseSize, double interpolationScale)
    {
        var columns = Axis(width, channels / 2, baseSize, interpolationScale).unsqueeze(0).expand(height, -1, -1); // [h, w, channels / 2]
        var rows = Axis(height, channels / 2, baseSize, interpolationScale).unsqueeze(1).expand(-1, width, -1);
        return cat([columns, rows], 2).view(1, height * width, channels);
    }

    private static Tensor Axis(long size, long channels, long baseSize, double interpolationScale)
    {
        var positions = arange(size, dtype: float32) / ((float)size / baseSize) / (float)interpolationScale; // [size]
        var frequencies = pow(10_000, arange(channels / 2, dtype: float64) / -(channels / 2.0)); // [channels / 2]
        var angles = positions.to_type(float64).unsqueeze(1) * frequencies;
        return cat([angles.sin(), angles.cos()], 1).to_type(float32); // [size, channels]
    }
}
