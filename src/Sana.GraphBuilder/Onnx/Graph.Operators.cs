namespace Sana.GraphBuilder.Onnx;

/// <summary>The operators that the networks use, each with its shape rule.</summary>
internal sealed partial class Graph
{
    public Value Add(Value left, Value right) => Elementwise("Add", left, right);
    public Value Sub(Value left, Value right) => Elementwise("Sub", left, right);
    public Value Mul(Value left, Value right) => Elementwise("Mul", left, right);
    public Value Div(Value left, Value right) => Elementwise("Div", left, right);
    public Value Exp(Value x) => Same("Exp", x);
    public Value Relu(Value x) => Same("Relu", x);
    public Value Sigmoid(Value x) => Same("Sigmoid", x);
    public Value Sin(Value x) => Same("Sin", x);
    public Value Cos(Value x) => Same("Cos", x);
    public Value Sqrt(Value x) => Same("Sqrt", x);
    public Value Tanh(Value x) => Same("Tanh", x);
    public Value GeluTanh(Value x) => Widened(x, wide => Same("Gelu", wide, ("approximate", "tanh")));
    public Value Gelu(Value x) => Widened(x, wide => Same("Gelu", wide));

    /// <summary>An activation by the name that a config gives it.</summary>
    public Value Activation(Value x, string name) => name switch
    {
        "gelu" => Gelu(x),
        "gelu_new" or "gelu_pytorch_tanh" => GeluTanh(x),
        "relu" => Relu(x),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
    };

    public Value Softmax(Value x) => Same("Softmax", x, ("axis", -1L));
    public Value Cast(Value x, ElementType type) => x.Type == type ? x : Node("Cast", [x], type, x.Shape, ("to", (long)type));

    /// <summary>Out-of-range values, infinities included, become the limit.</summary>
    public Value Clip(Value x, float limit) => Node("Clip", [x, Scalar(-limit, x.Type), Scalar(limit, x.Type)], x.Type, x.Shape);

    /// <summary>x · sigmoid(x), finite at any magnitude. ONNX Runtime's sigmoid is never below 1.5e-8, so for large negative x the result is 1.5e-8 · x instead of 0.</summary>
    public Value Silu(Value x) => Mul(x, Sigmoid(x));

    public Value MatMul(Value left, Value right)
    {
        Check(left[-1] == right[-2], $"MatMul of {left} and {right}");
        Dim[] shape = [.. Broadcast(left.Shape[..^2], right.Shape[..^2]), left[-2], right[-1]];
        return Node("MatMul", [left, right], left.Type, shape);
    }

    /// <summary>x · weightᵀ + bias over the last axis, the weight as PyTorch stores it: [out, in].</summary>
    public Value Linear(Value x, string path, bool bias = true)
    {
        var weight = Weight($"{path}.weight");
        Check(x[-1] == weight[1], $"Linear {path} [{weight[0]}, {weight[1]}] of {x}");
        return Product(x, path, weight, weight[0], bias ? Weight($"{path}.bias") : null, part: null, ("transB", 1L));
    }

    /// <summary>x · weight + bias over the last axis, the weight as GPT-2 stores it: [in, out]. In eight bits where the graph computes in them.</summary>
    public Value Conv1D(Value x, string path)
    {
        if (Arithmetic.EightBits)
        {
            var product = Add(EightBitProduct(x, path, EightBitWeight($"{path}.weight"), bits: 8), Weight($"{path}.bias"));
            return Reshape(product, [.. x.Shape[..^1], product[1]]);
        }

        var weight = Weight($"{path}.weight");
        Check(x[-1] == weight[0], $"Conv1D {path} [{weight[0]}, {weight[1]}] of {x}");
        return Product(x, path, weight, weight[1], Weight($"{path}.bias"), part: null);
    }

    /// <summary>Normalisation to unit variance and zero mean over the last axis, without parameters.</summary>
    public Value LayerNorm(Value x, float epsilon) => LayerNorm(x, epsilon, [Constant(Ones(x[-1]))]);
    public Value LayerNorm(Value x, float epsilon, string path) => LayerNorm(x, epsilon, [Weight($"{path}.weight"), Weight($"{path}.bias")]);

    /// <summary>x / √(mean(x²) + ε) · scale over the last axis, in float32.</summary>
    public Value RmsNorm(Value x, Value scale, float epsilon)
    {
        Check(x[-1] == scale[0], $"RMSNormalization with scale {scale} of {x}");
        var wide = Cast(x, ElementType.Float);
        return Cast(
            Node("RMSNormalization", [wide, Cast(scale, ElementType.Float)], ElementType.Float, x.Shape, ("axis", -1L), ("epsilon", epsilon)),
            x.Type);
    }

    public Value Reshape(Value x, params Dim[] shape)
    {
        if (shape.SequenceEqual(x.Shape))
            return x;

        return Node("Reshape", [x, Target(x, shape)], x.Type, shape);
    }

    /// <summary>Axes of size 1 repeated to the shape.</summary>
    public Value Expand(Value x, params Dim[] shape) => Node("Expand", [x, Sizes(shape)], x.Type, Broadcast(x.Shape, shape));

    public Value Transpose(Value x, params long[] order)
    {
        Check(order.Length == x.Rank, $"Transpose to ({string.Join(", ", order)}) of {x}");
        return Node("Transpose", [x], x.Type, [.. order.Select(axis => x.Shape[axis])], ("perm", order));
    }

    public Value Concat(int axis, params Value[] parts)
    {
        var shape = parts[0].Shape.ToArray();
        var at = axis < 0 ? shape.Length + axis : axis;
        shape[at] = parts.Select(p => p[axis]).Aggregate((sum, d) => sum + d);
        return Node("Concat", parts, parts[0].Type, shape, ("axis", (long)axis));
    }

    /// <summary>Equal parts along an axis.</summary>
    public Value[] Split(Value x, int axis, int parts)
    {
        var shape = x.Shape.ToArray();
        var at = axis < 0 ? shape.Length + axis : axis;
        shape[at] /= parts;
        return Nodes("Split", [x], [.. Enumerable.Repeat(shape, parts)], ("axis", (long)axis), ("num_outputs", (long)parts));
    }

    /// <summary>Row <paramref name="index"/> of an axis, the axis kept with size 1; or as many rows as <paramref name="count"/> says from there.</summary>
    public Value Row(Value x, int axis, long index, long count = 1)
    {
        var shape = x.Shape.ToArray();
        shape[axis] = count;
        return Node("Slice", [x, Constant(index), Constant(index + count), Constant((long)axis)], x.Type, shape);
    }

    /// <summary>Zeros after the last row of an axis of known size, until it has <paramref name="size"/> rows.</summary>
    public Value PadEnd(Value x, int axis, long size)
    {
        if (x[axis] == size)
            return x;
        var shape = x.Shape.ToArray();
        shape[axis] = size;
        return Node("Pad", [x, Constant(0L, size - x[axis].Factor), Scalar(0, x.Type), Constant((long)axis)], x.Type, shape);
    }

    public Value Gather(Value x, Value indices, int axis) => Node(
        "Gather", [x, indices], x.Type, [.. x.Shape[..axis], .. indices.Shape, .. x.Shape[(axis + 1)..]], ("axis", (long)axis));

    public Value Sum(Value x, int axis) => Reduce("ReduceSum", x, axis);
    public Value Mean(Value x, int axis) => Reduce("ReduceMean", x, axis);
    public Value SumOfSquares(Value x, int axis) => Reduce("ReduceSumSquare", x, axis);

    /// <summary>start, start + 1 … of a length known at run time: int64 [length].</summary>
    public Value Range(Value start, Value limit, Dim length) => Node(
        "Range", [Reshape(start), Reshape(limit), Scalar(1)], ElementType.Int64, [length]);

    public Value Compare(string op, Value left, Value right) => Node(op, [left, right], ElementType.Bool, Broadcast(left.Shape, right.Shape));
    public Value And(Value left, Value right) => Compare("And", left, right);

    public Value Where(Value condition, Value yes, Value no) => Node(
        "Where", [condition, yes, no], yes.Type, Broadcast(condition.Shape, Broadcast(yes.Shape, no.Shape)));

    // Operators that CUDA may have no bfloat16 kernel for run in float32.
    private Value Widened(Value x, Func<Value, Value> op) => x.Type == ElementType.BFloat16 ? Cast(op(Cast(x, ElementType.Float)), x.Type) : op(x);

    private static float[] Ones(Dim size)
    {
        var ones = new float[size.Factor];
        Array.Fill(ones, 1f);
        return ones;
    }

    private static void Check(bool fits, string what)
    {
        if (!fits)
            throw new ShapeException($"Shapes do not fit: {what}.");
    }

    private static Dim[] Broadcast(Dim[] left, Dim[] right)
    {
        var shape = new Dim[Math.Max(left.Length, right.Length)];
        for (var i = 1; i <= shape.Length; i++)
        {
            var a = i <= left.Length ? left[^i] : 1;
            var b = i <= right.Length ? right[^i] : 1;
            Check(a == b || a == 1 || b == 1, $"[{string.Join(", ", left)}] with [{string.Join(", ", right)}]");
            shape[^i] = a == 1 ? b : a;
        }

        return shape;
    }

    private Value Product(Value x, string path, Value weight, Dim width, Value? bias, (long First, long Count)? part, params (string Name, object Value)[] attributes)
    {
        var rows = x.Shape[..^1].Aggregate((Dim)1, (product, d) => product * d);
        var flat = Reshape(x, rows, x[-1]);
        var addend = IsExtended ? Gain(flat, path, width, bias, part) : bias;
        Value[] inputs = addend is null ? [flat, weight] : [flat, weight, addend];
        var product = Node("Gemm", path, inputs, x.Type, [rows, width], attributes);
        return Reshape(product, [.. x.Shape[..^1], width]);
    }

    private Value LayerNorm(Value x, float epsilon, Value[] parameters)
    {
        var wide = Cast(x, ElementType.Float);
        Value[] inputs = [wide, .. parameters.Select(p => Cast(p, ElementType.Float))];
        return Cast(Node("LayerNormalization", inputs, ElementType.Float, x.Shape, ("axis", -1L), ("epsilon", epsilon)), x.Type);
    }

    private Value Elementwise(string op, Value left, Value right)
    {
        Check(left.Type == right.Type, $"{op} of {left} and {right}");
        return Node(op, [left, right], left.Type, Broadcast(left.Shape, right.Shape));
    }

    private Value Same(string op, Value x, params (string Name, object Value)[] attributes) => Node(op, [x], x.Type, x.Shape, attributes);

    private Value Reduce(string op, Value x, int axis)
    {
        var shape = x.Shape.ToArray();
        shape[axis < 0 ? x.Rank + axis : axis] = 1;
        return Node(op, [x, Constant((long)axis)], x.Type, shape, ("keepdims", 1L));
    }

    // The target is a constant where ONNX Runtime can infer it: an axis that stays in place is copied (0), one axis may be inferred (-1).
    private Value Target(Value x, Dim[] shape)
    {
        var constant = new long[shape.Length];
        var open = -1;
        for (var axis = 0; axis < shape.Length; axis++)
        {
            var copied = axis < x.Rank && shape[axis] == x.Shape[axis] && shape[axis] != 0;
            constant[axis] = shape[axis].IsFixed ? shape[axis].Factor : copied ? 0 : open < 0 ? -1 : long.MinValue;
            open = constant[axis] == -1 ? axis : open;
        }

        return constant.Contains(long.MinValue) ? Sizes(shape) : Constant(constant);
    }

    // The sizes of a shape in this run: int64 [rank].
    private Value Sizes(Dim[] shape)
    {
        var key = string.Join(',', shape);
        return _targets.TryGetValue(key, out var known)
            ? known
            : _targets[key] = Node("Concat", [.. shape.Select(Size)], ElementType.Int64, [shape.Length], ("axis", 0L));
    }
}
