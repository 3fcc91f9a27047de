using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Onnx;

public sealed class GraphTests : IDisposable
{
    private static readonly Dim _batch = Dim.Symbolic("batch");
    private static readonly Dim _width = Dim.Symbolic("width");

    private readonly TempFolder _folder = new();

    public static TheoryData<string> Misfits => [.. _misfits.Keys];

    private static readonly Dictionary<string, Func<Graph, Value, Value>> _misfits = new()
    {
        ["MatMul of x Float [batch, 6, width] and x Float [batch, 6, width]"] = (g, x) => g.MatMul(x, x),
        ["[batch, 6, width] with [5]"] = (g, x) => g.Add(x, g.Constant([1f, 2f, 3f, 4f, 5f])),
        ["Mul of x Float [batch, 6, width] and"] = (g, x) => g.Mul(x, g.Scalar(1)),
        ["Linear layer [3, 4] of x Float [batch, 6, width]"] = (g, x) => g.Linear(x, "layer"),
        ["Conv layer [3, 4, 1, 1], 1 groups, of x Float [batch, 6, width]"] = (g, x) => g.Conv(x, "layer"),
        ["RMSNormalization with scale"] = (g, x) => g.RmsNorm(x, g.Constant([1f, 1f]), 1e-6f),
        ["Transpose to (1, 0) of x Float [batch, 6, width]"] = (g, x) => g.Transpose(x, 1, 0),
        ["6 is not divisible by 4"] = (g, x) => g.Split(x, 1, 4)[0],
    };

    public void Dispose() => _folder.Dispose();

    [Theory, MemberData(nameof(Misfits))]
    public void Shapes_that_do_not_fit_are_named(string message)
    {
        var graph = Graph(("layer.weight", [3, 4]), ("layer.bias", [3]));
        var x = graph.Input("x", ElementType.Float, _batch, 6, _width);

        var refusal = Assert.Throws<ShapeException>(() => _misfits[message](graph, x));

        Assert.Contains(message, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Reshape_copies_what_stays_and_infers_one_axis() => Reshapes([2, 6, 5], [_batch, 6 * _width], [2, 30]);

    [Fact]
    public void Reshape_infers_beside_numbers() => Reshapes([2, 6, 5], [3, 2 * _batch * _width], [3, 20]);

    [Fact]
    public void Reshape_asks_for_sizes_when_two_axes_move() => Reshapes([2, 6, 5], [_width, 3, 2 * _batch], [5, 3, 4]);

    [Fact]
    public void Reshape_asks_for_products_of_sizes() => Reshapes([2, 6, 5], [_width * _batch, 2, 3, 1], [10, 2, 3, 1]);

    [Fact]
    public void A_reshape_to_the_same_shape_adds_nothing()
    {
        var graph = Graph();
        var x = graph.Input("x", ElementType.Float, _batch, 6);

        Assert.Same(x, graph.Reshape(x, _batch, 6));
        Assert.Empty(graph.ToModel().Graph.Node);
    }

    [Fact]
    public void A_size_of_an_axis_that_no_input_has_is_refused() =>
        Assert.Contains("no input of the graph has the axis width", Assert.Throws<ShapeException>(() => Graph().Size(_width)).Message, StringComparison.Ordinal);

    [Fact]
    public void Equal_constants_are_one_initializer()
    {
        var graph = Graph();

        var (one, again) = (graph.Constant([1f, 2f]), graph.Constant([1f, 2f]));
        var (shaped, bits) = (graph.Constant([1f, 2f], 2, 1), graph.Constant(BitConverter.DoubleToInt64Bits(1)));

        Assert.Equal(one, again);
        Assert.Equal(3, new[] { one, again, shaped, bits }.Select(value => value.Name).Distinct().Count());
        Assert.Equal(3, graph.ToModel().Graph.Initializer.Count);
    }

    [Fact]
    public void Nodes_carry_the_path_of_their_module()
    {
        var graph = Graph(("block.0.proj.weight", [6, 6]), ("block.0.proj.bias", [6]));
        var x = graph.Input("x", ElementType.Float, _batch, 6);
        graph.Path = "block.0";

        graph.Add(graph.Linear(graph.Relu(x), "block.0.proj"), graph.Relu(x));

        Assert.Equal(["block.0/Relu", "block.0.proj/Gemm", "block.0/Relu.2", "block.0/Add"], graph.ToModel().Graph.Node.Select(node => node.Name));
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("моя модель ☃ é.safetensors")]
    public void Weights_are_read_where_they_lie_even_unaligned(string name)
    {
        Write(name, "skip", 3, ("a", [1f, 2f]), ("b", [3f, 4f]));
        var graph = new Graph("test", SafetensorsWeights.OpenFile(_folder.File(name)));
        var x = graph.Input("x", ElementType.Float, 2);
        graph.Output("y", graph.Add(graph.Mul(x, graph.Weight("b")), graph.Weight("a")));

        var (_, y) = Run(graph, [10f, 10f], 2);

        Assert.Equal([31f, 42f], y);
    }

    [Fact]
    public void Weights_of_several_shards_are_read_each_from_its_own()
    {
        Write("model-00001-of-00002.safetensors", "skip1", 5, ("a", [1f, 2f]));
        Write("model-00002-of-00002.safetensors", "skip2", 1, ("b", [3f, 4f]));
        File.WriteAllText(_folder.File("model.safetensors.index.json"), """
            { "weight_map": { "a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors" } }
            """);
        var graph = new Graph("test", SafetensorsWeights.Open(_folder.Path, "model"));
        var x = graph.Input("x", ElementType.Float, 2);
        graph.Output("y", graph.Add(graph.Mul(x, graph.Weight("b")), graph.Weight("a")));

        var (_, y) = Run(graph, [10f, 10f], 2);

        Assert.Equal([31f, 42f], y);
    }

    [Fact]
    public void A_weight_of_whole_numbers_is_refused()
    {
        Write("model.safetensors", "numbers", 8);
        var graph = new Graph("test", SafetensorsWeights.Open(_folder.Path, "model"));

        Assert.Contains("numbers is stored as U8; a network takes F32, F16 or BF16", Assert.Throws<CheckpointException>(() => graph.Weight("numbers")).Message, StringComparison.Ordinal);
    }

    // The data of a reshape is what went in, in the same order.
    private void Reshapes(long[] from, Dim[] to, long[] expected)
    {
        var graph = Graph();
        var x = graph.Input("x", ElementType.Float, _batch, 6, _width);
        graph.Output("y", graph.Reshape(x, to));
        var data = Enumerable.Range(0, (int)(from[0] * from[1] * from[2])).Select(i => (float)i).ToArray();

        var (shape, y) = Run(graph, data, from);

        Assert.Equal(expected, shape);
        Assert.Equal(data, y);
    }

    private Graph Graph(params (string Name, long[] Shape)[] weights)
    {
        File.WriteAllBytes(_folder.File("model.safetensors"), SafetensorsBytes.Of([.. weights, ("unused", [1])]));
        return new Graph("test", SafetensorsWeights.Open(_folder.Path, "model"));
    }

    private (long[] Shape, float[] Data) Run(Graph graph, float[] data, params long[] shape)
    {
        using var network = OnnxModel.Load(graph.ToModel().ToByteArray(), _folder.Path, new OnnxModelOptions(Device.Cpu, 1, KeepMemory: false));
        using var input = OrtValue.CreateTensorValueFromMemory(data, shape);
        using var outputs = network.Run([("x", input)], ["y"], default);
        return (outputs[0].GetTensorTypeAndShape().Shape, outputs[0].GetTensorDataAsSpan<float>().ToArray());
    }

    // Some bytes of another type first, so that the floats after them lie on odd places.
    private void Write(string file, string skipped, int bytes, params (string Name, float[] Values)[] tensors)
    {
        var (entries, end) = ($"\"{skipped}\":{{\"dtype\":\"U8\",\"shape\":[{bytes}],\"data_offsets\":[0,{bytes}]}}", bytes);
        foreach (var (name, values) in tensors)
        {
            entries += $",\"{name}\":{{\"dtype\":\"F32\",\"shape\":[{values.Length}],\"data_offsets\":[{end},{end + (4 * values.Length)}]}}";
            end += 4 * values.Length;
        }

        var written = SafetensorsBytes.Of($"{{{entries}}}", end);
        Buffer.BlockCopy(tensors.SelectMany(tensor => tensor.Values).ToArray(), 0, written, written.Length - end + bytes, end - bytes);
        File.WriteAllBytes(_folder.File(file), written);
    }
}
