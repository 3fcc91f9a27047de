using System.Runtime.InteropServices;

namespace Sana.GraphBuilder.Onnx;

/// <summary>Products in eight bits, as the paper's W8A8: activations symmetric with a scale for each token, weights symmetric with a scale for each output channel.</summary>
internal sealed partial class Graph
{
    // On x86 unsigned activations with zero point 128 take the fast kernels; signed ones are several times slower.
    private const byte ZeroPoint = 128;
    private const float SmallestScale = 1e-30f; // of a token whose values are all 0

    // The rest after rounding is in −0.5…0.5: its own scale makes that −127…127.
    private const float RestScale = 0.5f / EightBitWeights.Largest;

    private readonly Dictionary<(string, int), Value[]> _quantised = [];

    /// <summary>
    /// x · weightᵀ + bias over the last axis of [batch, tokens, in], in eight bits where the graph computes in them. Layers of one input share its integers.
    /// </summary>
    /// <param name="x">[batch, tokens, in].</param>
    /// <param name="path">The layer; its weight is [out, in], or [out, in, 1, 1] of a 1×1 convolution.</param>
    /// <param name="bias">Whether it has one.</param>
    /// <param name="bits">Of the activations in an eight-bit graph: 8, or 16 as two products of eight bits.</param>
    /// <param name="rows">Which of the output channels, first and count; null for all.</param>
    public Value WideLinear(Value x, string path, bool bias = true, int bits = 8, (long First, long Count)? rows = null)
    {
        var (first, count) = rows ?? (0, _weights[$"{path}.weight"].Shape[0]);
        var addend = bias ? WeightRows($"{path}.bias", first, count) : null;
        if (!Arithmetic.EightBits)
        {
            var weight = WeightRows($"{path}.weight", first, count);
            weight = weight.Rank == 2 ? weight : Reshape(weight, weight[0], weight[1]);
            Check(x[-1] == weight[1], $"Linear {path} [{weight[0]}, {weight[1]}] of {x}");
            return Product(x, path, weight, weight[0], addend, rows, ("transB", 1L));
        }

        var product = EightBitProduct(x, path, EightBitWeight($"{path}.weight", first, count), bits);
        if (IsExtended)
            addend = Gain(Reshape(x, product[0], x[-1]), path, count, addend, rows);
        product = addend is null ? product : Add(product, addend);
        return Reshape(product, [.. x.Shape[..^1], count]);
    }

    // x · weight: [rows, out].
    private Value EightBitProduct(Value x, string path, (Value Integers, Value Scales) weight, int bits)
    {
        var (integers, scales) = weight;
        Check(x[-1] == integers[0], $"Product of {path} [{integers[0]}, {integers[1]}] and {x}");
        var parts = Quantise(x, bits);
        var product = IntegerProduct(parts[1], 1, integers, scales);
        if (bits == 16)
            product = Add(product, IntegerProduct(parts[2], RestScale, integers, scales));
        return Mul(product, parts[0]);
    }

    // The scale of each token [rows, 1], the integers [rows, in], and with 16 bits those of what rounding left.
    private Value[] Quantise(Value x, int bits)
    {
        if (_quantised.TryGetValue((x.Name, bits), out var known))
            return known;
        var rows = x.Shape[..^1].Aggregate((Dim)1, (product, d) => product * d);
        var flat = Reshape(x, rows, x[-1]);
        var scale = Mul(Reduce("ReduceMax", Same("Abs", flat), 1), Scalar(1f / EightBitWeights.Largest, ElementType.Float));
        scale = Node("Max", [scale, Scalar(SmallestScale, ElementType.Float)], ElementType.Float, scale.Shape);
        var scaled = Div(flat, scale);
        var integers = ToIntegers(scaled, 1);
        if (bits == 8)
            return _quantised[(x.Name, bits)] = [scale, integers];

        var rounded = Node("DequantizeLinear", [integers, Number(1), Zero()], ElementType.Float, flat.Shape);
        return _quantised[(x.Name, bits)] = [scale, integers, ToIntegers(Sub(scaled, rounded), RestScale)];
    }

    private Value ToIntegers(Value x, float scale) => Node("QuantizeLinear", [x, Number(scale), Zero()], ElementType.UInt8, x.Shape);

    private Value Number(float value) => Constant(MemoryMarshal.AsBytes(new ReadOnlySpan<float>(in value)), ElementType.Float, []);

    private Value Zero() => Constant([ZeroPoint], ElementType.UInt8, []);

    // (integers − 128) · weights · scale · the channels' scales, in float32.
    private Value IntegerProduct(Value x, float scale, Value integers, Value scales) => Node(
        $"{Microsoft}.MatMulIntegerToFloat", [x, integers, Number(scale), scales, Zero()], ElementType.Float, [x[0], integers[1]]);
}
