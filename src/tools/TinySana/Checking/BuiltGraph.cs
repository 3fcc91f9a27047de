using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Sana.GraphBuilder.Onnx;
using Sana.Inference.Runtime;
using static TorchSharp.torch;

namespace TinySana.Checking;

/// <summary>A network as the graph builder makes it of a published folder, on ONNX Runtime.</summary>
internal sealed class BuiltGraph(Graph graph, string folder) : IDisposable
{
    private readonly OnnxModel _network = OnnxModel.Load(graph.ToModel().ToByteArray(), Path.GetFullPath(folder), new OnnxModelOptions(Sana.Inference.Runtime.Device.Cpu, 1, KeepMemory: false));

    /// <summary>Runs it on tensors of type float32 or int64.</summary>
    public Tensor Run(string output, params ReadOnlySpan<(string Name, Tensor Value)> inputs)
    {
        var values = new List<(string Name, OrtValue Value)>();
        try
        {
            foreach (var (name, value) in inputs)
                values.Add((name, ToOrtValue(value)));
            using var outputs = _network.Run(values, [output], CancellationToken.None);
            var result = Sana.Inference.Runtime.FloatTensor.From(outputs[0]);
            return tensor(result.Data, result.Shape);
        }
        finally
        {
            values.ForEach(value => value.Value.Dispose());
        }
    }

    /// <summary>Largest difference between a network's two results, as a share of the largest value.</summary>
    public static double Difference(Tensor expected, Tensor actual)
    {
        using var scope = NewDisposeScope();
        return ((actual - expected).abs().max() / expected.abs().max()).item<float>();
    }

    public void Dispose() => _network.Dispose();

    private static OrtValue ToOrtValue(Tensor value)
    {
        using var dense = value.contiguous();
        return value.dtype == ScalarType.Int64
            ? OrtValue.CreateTensorValueFromMemory(dense.data<long>().ToArray(), value.shape)
            : OrtValue.CreateTensorValueFromMemory(value.numel() == 0 ? [] : dense.data<float>().ToArray(), value.shape);
    }
}
