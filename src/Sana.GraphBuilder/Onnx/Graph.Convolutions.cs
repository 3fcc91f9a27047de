namespace Sana.GraphBuilder.Onnx;

/// <summary>Convolutions, and the operators that move pixels into channels or back.</summary>
internal sealed partial class Graph
{
    /// <summary>Each square patch of an image [batch, channels, height, width] to a pixel of the output. An incomplete patch at the right or the bottom is dropped.</summary>
    public Value Patches(Value x, string path, long size, bool bias = true)
    {
        var weight = Weight($"{path}.weight"); // [out, in, size, size]
        Check(x.Rank == 4 && x[1] == weight[1] && weight[2] == size && weight[3] == size, $"Patches {path} [{string.Join(", ", weight.Shape)}] of {x}");
        Value[] inputs = bias ? [x, weight, Weight($"{path}.bias")] : [x, weight];
        var sides = new[] { size, size };
        return Node("Conv", path, inputs, x.Type, [x[0], weight[0], x[2].Factor / size, x[3].Factor / size], [("kernel_shape", sides), ("strides", sides)]);
    }

    /// <summary>Convolution of [batch, channels, height, width], padded so that odd kernels keep the size at stride 1, unless the padding is given.</summary>
    public Value Conv(Value x, string path, bool bias = true, long stride = 1, long groups = 1, long? padding = null)
    {
        var weight = Weight($"{path}.weight"); // [out, in / groups, kernel, kernel], or [out, in] of a Linear that works on every pixel
        weight = weight.Rank == 4 ? weight : Reshape(weight, weight[0], weight[1], 1, 1);
        var pad = padding ?? (weight[2].Factor % 2 == 1 ? weight[2].Factor / 2 : 0);
        var convolved = Conv(x, path, weight, bias ? Weight($"{path}.bias") : null, stride, groups, [pad, pad, pad, pad]);
        return IsExtended && groups == 1 ? Add(convolved, Reshape(GainOfPixels(Reshape(x, x[0], x[1], x[2] * x[3]), path, weight[0]), convolved.Shape)) : convolved;
    }

    /// <summary>Convolution of every channel of [batch, channels, height, width] by itself, with the kernels that begin at row <paramref name="first"/> of the checkpoint's tensor.</summary>
    public Value DepthwiseConv(Value x, string path, long first) => Conv(
        x, path, WeightRows($"{path}.weight", first, x[1].Factor), WeightRows($"{path}.bias", first, x[1].Factor), stride: 1, groups: x[1].Factor, [1, 1, 1, 1]);

    // Zeros are added above, left, below and right.
    private Value Conv(Value x, string path, Value weight, Value? bias, long stride, long groups, long[] pads)
    {
        if (x.Type == ElementType.BFloat16)
            return Widened(x, wide => Conv(wide, path, Cast(weight, ElementType.Float), bias is null ? null : Cast(bias, ElementType.Float), stride, groups, pads));

        Check(x.Rank == 4 && x[1] == weight[1] * groups, $"Conv {path} [{string.Join(", ", weight.Shape)}], {groups} groups, of {x}");
        var kernel = weight[2].Factor;
        Value[] inputs = bias is null ? [x, weight] : [x, weight, bias];
        return Node(
            "Conv",
            path,
            inputs,
            x.Type,
            [x[0], weight[0], Side(x[2], pads[0] + pads[2]), Side(x[3], pads[1] + pads[3])],
            [("kernel_shape", new[] { kernel, kernel }), ("pads", pads), ("strides", new[] { stride, stride }), ("group", groups)]);

        Dim Side(Dim side, long pad) => side.IsFixed ? ((side.Factor + pad - kernel) / stride) + 1 : side / stride;
    }

    /// <summary>
    /// A 3×3 convolution of an image [batch, channels, height, width] whose sides are doubled first, every pixel becoming four: [batch, out, 2 · height, 2 · width].
    /// The doubled image is never made. Each of the four sees 2×2 pixels, whose weights are sums of the nine: 16 products instead of 36.
    /// </summary>
    public Value ConvOfDoubled(Value x, string path)
    {
        var weight = Weight($"{path}.weight", ElementType.Float); // [out, in, 3, 3]
        var bias = Weight($"{path}.bias");
        var parts = new List<Value>();
        foreach (var (dy, rows) in Halves(weight, 2).Index())
        {
            foreach (var (dx, taps) in Halves(rows, 3).Index())
                parts.Add(Conv(x, path, Cast(taps, Compute), bias, stride: 1, groups: 1, [1 - dy, 1 - dx, dy, dx]));
        }

        var all = Concat(1, [.. parts]); // [batch, 4 · out, height, width], the place of the pixel first
        return Node("DepthToSpace", [all], x.Type, [x[0], weight[0], x[2] * 2, x[3] * 2], ("blocksize", 2L), ("mode", "DCR"));

        // Of two neighbours that are equal the first sees the pixel before them once and itself twice, the second itself twice and the pixel after them once.
        Value[] Halves(Value three, int axis)
        {
            var w = Split(three, axis, 3);
            return [Concat(axis, w[0], Add(w[1], w[2])), Concat(axis, Add(w[0], w[1]), w[2])];
        }
    }

    /// <summary>Pixel shuffle by 2: out[c, 2y+dy, 2x+dx] = in[4c+2dy+dx, y, x].</summary>
    public Value PixelShuffle(Value x) => Node(
        "DepthToSpace", [x], x.Type, [x[0], x[1] / 4, x[2] * 2, x[3] * 2], ("blocksize", 2L), ("mode", "CRD"));
}
