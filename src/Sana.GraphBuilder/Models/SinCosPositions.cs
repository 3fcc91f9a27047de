using Sana.GraphBuilder.Onnx;

namespace Sana.GraphBuilder.Models;

/// <summary>
/// The two-dimensional sine-cosine position embedding of the 2K and 4K networks, made inside the graph because the grid is known
/// only when it runs. Half of the channels belong to the column, half to the row; each half is [sin(p · ω), cos(p · ω)].
/// </summary>
internal static class SinCosPositions
{
    /// <returns>[1, height · width, channels].</returns>
    public static Value Of(Graph g, Dim height, Dim width, long channels, long baseSize, double interpolationScale)
    {
        g.Path = "patch_embed.pos_embed";
        var columns = Axis(g, width, channels / 2, baseSize, interpolationScale); // [w, channels / 2]
        var rows = Axis(g, height, channels / 2, baseSize, interpolationScale); // [h, channels / 2]
        columns = g.Expand(g.Reshape(columns, 1, width, channels / 2), height, width, channels / 2);
        rows = g.Expand(g.Reshape(rows, height, 1, channels / 2), height, width, channels / 2);
        return g.Cast(g.Reshape(g.Concat(2, columns, rows), 1, height * width, channels), g.Compute);
    }

    // Any grid is stretched to the base grid of the checkpoint. Positions are float32 and angles float64, as in the reference.
    private static Value Axis(Graph g, Dim size, long channels, long baseSize, double interpolationScale)
    {
        var frequencies = Enumerable.Range(0, (int)(channels / 2)).Select(i => 1 / Math.Pow(10000, i / (channels / 2.0))).ToArray();
        var index = g.Cast(g.Range(g.Constant(0L), g.Size(size), size), ElementType.Float);
        var stretch = g.Div(g.Cast(g.Size(size), ElementType.Float), g.Scalar(baseSize, ElementType.Float));
        var positions = g.Div(g.Div(index, stretch), g.Scalar((float)interpolationScale, ElementType.Float)); // [size]
        var angles = g.Mul(g.Cast(g.Reshape(positions, size, 1), ElementType.Double), g.Constant(frequencies, 1, channels / 2));
        return g.Cast(g.Concat(1, g.Sin(angles), g.Cos(angles)), ElementType.Float); // [size, channels]
    }
}
