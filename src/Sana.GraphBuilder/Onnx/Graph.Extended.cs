using System.Runtime.InteropServices;
using Google.Protobuf;

namespace Sana.GraphBuilder.Onnx;

/// <content>
/// Low-rank adapters (LoRA, arXiv:2106.09685) as inputs: a layer's output gains (x · A) · B + bias. A [in, rank] and B [rank, out] have rank 0 and the bias is 0 where nothing is
/// given, and then the output is that of the layer alone, bit for bit. They are float32 in every arithmetic.
/// </content>
internal sealed partial class Graph
{
    private readonly Dictionary<string, (Value A, Value B, Value Bias)> _adapters = [];

    /// <summary>Whether linear layers and 1×1 convolutions take adapters, and whatever else a network has as an option.</summary>
    public bool IsExtended { get; init; }

    // What the layer gains, with the layer's own bias in it: [rows, out], as the product's addend.
    private Value Gain(Value flat, string path, Dim width, Value? bias, (long First, long Count)? part = null)
    {
        var (a, b, addend) = Adapter(path, flat[-1], part is null ? width : _weights[$"{path}.weight"].Shape[0]);
        if (part is { } columns && columns.Count != b[1].Factor)
        {
            b = Columns(b, columns.First, columns.Count);
            addend = Columns(addend, columns.First, columns.Count);
        }

        var total = bias is null ? addend : Add(addend, Cast(bias, ElementType.Float));
        var gain = Node("Gemm", path, [MatMul(Cast(flat, ElementType.Float), a), b, total], ElementType.Float, [flat[0], width], []);
        return Cast(gain, flat.Type);
    }

    // The same for a 1×1 convolution: of [batch, in, pixels] the gain [batch, out, pixels].
    private Value GainOfPixels(Value pixels, string path, Dim width)
    {
        var (a, b, bias) = Adapter(path, pixels[1], width);
        var low = MatMul(Transpose(a, 1, 0), Cast(pixels, ElementType.Float)); // [batch, rank, pixels]
        // The bias is one rank more, whose input is 1: ONNX Runtime leaves all but the first of a batch of products over nothing as its memory is.
        low = Concat(1, low, Expand(Constant([1f], 1, 1, 1), pixels[0], 1, pixels[2]));
        return Cast(MatMul(Concat(1, Transpose(b, 1, 0), Reshape(bias, width, 1)), low), pixels.Type);
    }

    private (Value A, Value B, Value Bias) Adapter(string path, Dim from, Dim to)
    {
        if (_adapters.TryGetValue(path, out var known))
            return known;
        var rank = Dim.Symbolic($"{path}.rank");
        return _adapters[path] = (
            Optional($"{path}.lora_A", [from, rank], [from.Factor, 0]),
            Optional($"{path}.lora_B", [rank, to], [0, to.Factor]),
            Optional($"{path}.lora_B.bias", [to], [to.Factor]));
    }

    /// <summary>A whole number [1] as an input, which has a value where a run does not give it.</summary>
    public Value OptionalNumber(string name, long otherwise) => Optional(name, ElementType.Int64, [1], [1], MemoryMarshal.AsBytes(new ReadOnlySpan<long>(in otherwise)));

    /// <summary>What is [batch, tokens, width] and an input that is added to it, nothing where a run does not give it.</summary>
    public Value Plus(Value x, string name)
    {
        var addend = Optional(name, [Dim.Symbolic($"{name}.batch"), Dim.Symbolic($"{name}.tokens"), x[2]], [1, 1, x[2].Factor]);
        return Node("Add", [x, addend], x.Type, x.Shape);
    }

    /// <summary>Rows of the first axis, from one number up to another, both [1]. Their count has a name of its own.</summary>
    public Value Rows(Value x, Value from, Value to, Dim count) =>
        Node("Slice", [x, from, to, Constant(0L)], x.Type, [count, .. x.Shape[1..]]);

    /// <summary>Values one after the other along the first axis. Their count has a name of its own.</summary>
    public Value Joined(Value first, Value second, Dim count) => Node("Concat", [first, second], first.Type, [count, .. first.Shape[1..]], ("axis", 0L));

    /// <summary>A name for the size of a value's first axis, which only a run knows.</summary>
    public void Name(Dim count, Value value) => _symbols.TryAdd(count.Symbol, (value, 0));

    private Value Optional(string name, Dim[] shape, long[] otherwise) =>
        Optional(name, ElementType.Float, shape, otherwise, new byte[otherwise.Aggregate((long)sizeof(float), (product, size) => product * size)]);

    private Value Optional(string name, ElementType type, Dim[] shape, long[] sizes, ReadOnlySpan<byte> otherwise)
    {
        var tensor = new TensorProto { Name = name, DataType = (int)type, RawData = ByteString.CopyFrom(otherwise) };
        tensor.Dims.AddRange(sizes);
        _proto.Initializer.Add(tensor);
        return Input(name, type, shape);
    }

    private Value Columns(Value x, long first, long count) =>
        Node("Slice", [x, Constant(first), Constant(first + count), Constant((long)x.Rank - 1)], x.Type, [.. x.Shape[..^1], count]);
}
