using System.Runtime.InteropServices;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Models;

/// <summary>Maps whose sides are no multiples of the window, against the network written out in doubles.</summary>
public sealed class DaVitWindowTests : IDisposable
{
    private const double Tolerance = 2e-5;

    private static readonly DaVitConfig _config = new(
        [new(8, 3, 2, 2, 4, 20, 3, 2, 1, PatchPrenorm: false), new(12, 8, 1, 3, 2, 24, 3, 2, 1, PatchPrenorm: true)],
        WindowSize: 4, QkvBias: true, ActivationFunction: "gelu", ProjectionDim: 16, MaxPositionEmbeddings: 10, MaxTemporalEmbeddings: 4);

    private readonly TempFolder _folder = new();
    private readonly SafetensorsReader _weights;

    public DaVitWindowTests()
    {
        (string Name, long[] Shape)[] tensors = [.. Florence2Tensors.Vision(_config).Select(tensor => (tensor.Name, tensor.Shape))];
        var bytes = SafetensorsBytes.Of(tensors);
        var data = 4 * (int)tensors.Sum(tensor => tensor.Shape.Aggregate(1L, (product, size) => product * size));
        var random = new Random(3);
        var floats = MemoryMarshal.Cast<byte, float>(bytes.AsSpan(bytes.Length - data));
        foreach (ref var weight in floats)
            weight = random.NextSingle() - 0.5f;
        File.WriteAllBytes(_folder.File("model.safetensors"), bytes);
        _weights = SafetensorsReader.Open(_folder.File("model.safetensors"));
    }

    public void Dispose() => _folder.Dispose();

    // Of the first stage's map: both sides padded, only the height, only the width, neither; those of the second stage are smaller than a window.
    [Theory]
    [InlineData(10, 14)] // 5 × 7
    [InlineData(10, 16)] // 5 × 8
    [InlineData(16, 6)] // 8 × 3
    [InlineData(16, 8)] // 8 × 4
    public void A_map_that_windows_do_not_fill_gives_what_plain_loops_give(int height, int width)
    {
        var random = new Random(height);
        float[] pixels = [.. Enumerable.Range(0, 2 * 3 * height * width).Select(_ => (random.NextSingle() * 4) - 2)];
        var graph = new Graph("vision_tower", SafetensorsWeights.Open(_folder.Path, "model"));
        graph.Output("map", new DaVitGraph(graph, _config).Encode(graph.Input("pixel_values", ElementType.Float, 2, 3, height, width)));
        using var network = OnnxModel.Load(graph.ToModel().ToByteArray(), _folder.Path, new OnnxModelOptions(Device.Cpu, 1, KeepMemory: false));
        using var input = OrtValue.CreateTensorValueFromMemory(pixels, [2, 3, height, width]);
        using var outputs = network.Run([("pixel_values", input)], ["map"], default);

        var plain = new PlainDaViT(_config, name => Array.ConvertAll(_weights.Floats(name), weight => (double)weight));
        float[] expected = [.. Enumerable.Range(0, 2).SelectMany(image => plain.Encode(Channels(pixels, image, height, width))).SelectMany(map => map.Cast<double>()).Select(value => (float)value)];

        Close.To(expected, outputs[0].GetTensorDataAsSpan<float>(), Tolerance);
    }

    private static double[][,] Channels(float[] pixels, int image, int height, int width) => [.. Enumerable.Range(0, 3).Select(channel =>
    {
        var map = new double[height, width];
        for (var i = 0; i < height * width; i++)
            map[i / width, i % width] = pixels[((((image * 3) + channel) * height) * width) + i];
        return map;
    })];
}
