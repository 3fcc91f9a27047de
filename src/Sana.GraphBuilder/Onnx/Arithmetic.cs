namespace Sana.GraphBuilder.Onnx;

/// <summary>What a graph computes in. Inputs, outputs, norms and linear attention are float32 in all of them.</summary>
/// <param name="Compute">Type of the values between the operators, and of products and convolutions that are not in eight bits.</param>
/// <param name="EightBits">Whether <see cref="Graph.WideLinear"/> multiplies integers of eight bits.</param>
internal sealed record Arithmetic(ElementType Compute, bool EightBits = false)
{
    public static Arithmetic Float32 { get; } = new(ElementType.Float);

    public static Arithmetic Float16 { get; } = new(ElementType.Float16);

    public static Arithmetic BFloat16 { get; } = new(ElementType.BFloat16);

    /// <summary>Activations in eight bits, symmetric, with a scale for each token found when the graph runs; weights in eight bits, symmetric, with a scale for each output channel.</summary>
    public static Arithmetic W8A8 { get; } = new(ElementType.Float, EightBits: true);

    /// <summary>
    /// Whether 1×1 convolutions are products over tokens: that is what is computed in eight bits, and what CUDA has bfloat16 kernels for. In float32 they stay
    /// convolutions, which ONNX Runtime's blocked layout runs without transposes.
    /// </summary>
    public bool PointwiseOnTokens => this != Float32;
}
