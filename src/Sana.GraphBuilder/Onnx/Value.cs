namespace Sana.GraphBuilder.Onnx;

/// <summary>A tensor that flows through the graph.</summary>
internal sealed record Value(string Name, ElementType Type, Dim[] Shape)
{
    public int Rank => Shape.Length;

    /// <summary>An axis; negative counts from the end.</summary>
    public Dim this[int axis] => Shape[axis < 0 ? Rank + axis : axis];

    public override string ToString() => $"{Name} {Type} [{string.Join(", ", Shape)}]";
}

/// <summary>Shapes that do not fit: a mistake in a network's code, or a configuration that its checks let through.</summary>
internal sealed class ShapeException(string message) : Exception(message);
