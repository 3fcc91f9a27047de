namespace Sana.GraphBuilder.Onnx;

/// <summary>One axis of a shape: a number, or a multiple of symbols (<c>batch</c>, <c>height*width</c>) that are known only when the graph runs.</summary>
internal readonly record struct Dim
{
    private Dim(long factor, string symbol) => (Factor, Symbol) = (factor, symbol);

    public long Factor { get; }

    public string Symbol { get; }

    public bool IsFixed => string.IsNullOrEmpty(Symbol);

    public static Dim Of(string symbol) => new(1, symbol);

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
        _ => Of($"{left}+{right}"),
    };

    public override string ToString() => (IsFixed, Factor) switch
    {
        (true, _) => $"{Factor}",
        (_, 1) => Symbol,
        _ => $"{Factor}*{Symbol}",
    };

    private string[] Symbols() => IsFixed ? [] : Symbol.Split('*');
}
