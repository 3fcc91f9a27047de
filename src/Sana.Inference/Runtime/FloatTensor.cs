using Microsoft.ML.OnnxRuntime;

namespace Sana.Inference.Runtime;

/// <summary>A dense float32 tensor in managed memory, row-major.</summary>
/// <param name="Data">As many elements as the shape has.</param>
/// <param name="Shape">Axes from outermost to innermost.</param>
internal readonly record struct FloatTensor(float[] Data, params long[] Shape)
{
    public static FloatTensor Zeros(params long[] shape) => new(new float[shape.Aggregate(1L, (product, d) => product * d)], shape);

    /// <summary>A copy of what a network returned.</summary>
    public static FloatTensor From(OrtValue value) => new(value.GetTensorDataAsSpan<float>().ToArray(), value.GetTensorTypeAndShape().Shape);

    /// <summary>A view for a network; the array stays pinned until the value is disposed.</summary>
    public OrtValue ToOrtValue() => OrtValue.CreateTensorValueFromMemory(Data, Shape);
}
