namespace Sana.GraphBuilder.Onnx;

/// <summary>A tensor that flows through the graph.</summary>
internal sealed record Value(string Name, ElementType Type, Dim[] Shape)
{
    public int Rank => Shape.Length;

    /// <summary>An axis; negative counts from the end.</summary>
    public Dim this[int axis] => Shape[axis < 0 ? Rank + axis : axis];

    public override string ToString() => $"{Name} {Type} [{string.Join(", ", Shape)}]";
}

/// <summary>Shapes do not fit: an error in a network's code, or a config that passed the checks and should not have.</summary>
internal sealed class ShapeException(string message) : Exception(message);

/// <summary>One axis of a shape: a number, or a number times symbols (<c>batch</c>, <c>height*width</c>) whose sizes are known only when the graph runs.</summary>
internal readonly record struct Dim
{
    private Dim(long factor, string symbol) => (Factor, Symbol) = (factor, symbol);

    public long Factor { get; }
    public string Symbol { get; }
    public bool IsFixed => string.IsNullOrEmpty(Symbol);

    public static Dim Symbolic(string symbol) => new(1, symbol);

    public static implicit operator Dim(long size) => new(size, "");

    public static Dim operator *(Dim left, Dim right) => new(
        left.Factor * right.Factor,
        string.Join('*', left.Symbols().Concat(right.Symbols()).Order(StringComparer.Ordinal)));

    public static Dim operator /(Dim left, long right) => left.Factor % right == 0
        ? new(left.Factor / right, left.Symbol)
        : throw new ShapeException($"{left} is not divisible by {right}");

    public static Dim operator +(Dim left, Dim right) => (left.IsFixed, right.IsFixed) switch
    {
        (true, true) => left.Factor + right.Factor,
        _ => Symbolic($"{left}+{right}"),
    };

    public override string ToString() => (IsFixed, Factor) switch
    {
        (true, _) => $"{Factor}",
        (_, 1) => Symbol,
        _ => $"{Factor}*{Symbol}",
    };

    private string[] Symbols() => IsFixed ? [] : Symbol.Split('*');
}

/// <summary>Element types of ONNX tensors, with the format's own numbers.</summary>
internal enum ElementType
{
    /// <summary>32-bit float.</summary>
    Float = 1,

    /// <summary>8-bit unsigned integer.</summary>
    UInt8 = 2,

    /// <summary>8-bit signed integer.</summary>
    Int8 = 3,

    /// <summary>64-bit signed integer.</summary>
    Int64 = 7,

    /// <summary>Boolean.</summary>
    Bool = 9,

    /// <summary>16-bit IEEE float.</summary>
    Float16 = 10,

    /// <summary>64-bit float.</summary>
    Double = 11,

    /// <summary>bfloat16.</summary>
    BFloat16 = 16,
}
