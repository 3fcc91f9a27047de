using System.Text.Json;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Parity;

/// <summary>Both towers of CLIP on the reference's pixels and ids; what is measured and what is allowed stand in expected.json, as absolute differences.</summary>
[Trait("Category", "Parity")]
public sealed class ClipParityTests : IDisposable
{
    private const int LegacyEndToken = 2;

    private static readonly string _checkpoint = Path.Combine(Fixtures.Clip, "checkpoint");

    private readonly JsonDocument _json = JsonDocument.Parse(File.ReadAllText(Path.Combine(Fixtures.Clip, "expected.json")));
    private readonly SafetensorsReader _expected = SafetensorsReader.Open(Path.Combine(Fixtures.Clip, "expected.safetensors"));
    private readonly ClipConfig _config = ClipConfig.Load(Path.Combine(_checkpoint, "config.json"));
    private readonly SafetensorsWeights _weights = SafetensorsWeights.Open(_checkpoint, "model");
    private readonly List<IDisposable> _owned = [];

    public static TheoryData<string> Pixels =>
        [.. SafetensorsReader.Open(Path.Combine(Fixtures.Clip, "expected.safetensors")).Names.Where(name => name.StartsWith("pixel_values", StringComparison.Ordinal))];

    public static TheoryData<string> PoolingRules =>
        [.. SafetensorsReader.Open(Path.Combine(Fixtures.Clip, "expected.safetensors")).Names.Where(name => name.StartsWith("pooling.text_embeds.", StringComparison.Ordinal))];

    [Theory, MemberData(nameof(Pixels))]
    public void Images_are_embedded(string pixels)
    {
        var variant = pixels["pixel_values".Length..]; // "", .alpha_on_white, …
        var expected = variant.Length == 0 ? "image_embeds.projected" : $"image_embeds{variant}";

        var outputs = Run(Vision(), "pixel_values", Floats(pixels));

        Within("image_embeds.projected", _expected.Floats(expected), outputs["image_embeds"]);
        if (variant.Length == 0)
        {
            Within("image_pooled", _expected.Floats("image_pooled"), outputs["vision_model.pooler_output"]);
            Within("image_embeds.normalized", _expected.Floats("image_embeds.normalized"), Normalised(outputs["image_embeds"], _config.ProjectionDim));
        }
    }

    [Fact]
    public void Texts_are_embedded()
    {
        var outputs = Run(Text(_config), "input_ids", Ids("input_ids"));

        Within("text_embeds.projected", _expected.Floats("text_embeds.projected"), outputs["text_embeds"]);
        Within("text_embeds.normalized", _expected.Floats("text_embeds.normalized"), Normalised(outputs["text_embeds"], _config.ProjectionDim));
        Within("text_pooled", _expected.Floats("text_pooled"), outputs["text_model.pooler_output"]);
    }

    [Fact]
    public void Every_layer_of_the_image_tower_is_the_references()
    {
        var (pixels, shape) = Floats("pixel_values");
        var one = pixels.Length / (int)shape[0];
        var at = _json.RootElement.GetProperty("one_image").GetInt32();

        var outputs = Run(Vision(), "pixel_values", (pixels.AsSpan(at * one, one).ToArray(), [1, .. shape[1..]]));

        Within("vision_hidden.pre_layrnorm", _expected.Floats("vision_hidden.pre_layrnorm"), outputs["vision_model.pre_layrnorm"]);
        Layers("vision_hidden.layers.", "vision_model.encoder.layers.", outputs);
    }

    [Fact]
    public void Every_layer_of_the_text_tower_is_the_references()
    {
        var one = _json.RootElement.GetProperty("texts")[_json.RootElement.GetProperty("one_text").GetInt32()].GetProperty("ids").Deserialize<long[]>()!;

        var outputs = Run(Text(_config), "input_ids", (one, [1, one.Length]));

        Within("text_hidden.embeddings", _expected.Floats("text_hidden.embeddings"), outputs["text_model.embeddings"]);
        Within("text_hidden.final_layer_norm", _expected.Floats("text_hidden.final_layer_norm"), outputs["text_model.final_layer_norm"]);
        Layers("text_hidden.layers.", "text_model.encoder.layers.", outputs);
    }

    [Fact]
    public void Logits_are_the_scaled_cosines()
    {
        var images = Run(Vision(), "pixel_values", Floats("pixel_values"));
        var texts = Run(Text(_config), "input_ids", Ids("input_ids"));
        var width = _config.ProjectionDim;
        var (a, b) = (Normalised(images["image_embeds"], width), Normalised(texts["text_embeds"], width));

        var cosines = (from image in a.Chunk(width) from text in b.Chunk(width) select image.Zip(text, (x, y) => x * y).Sum()).ToArray();

        Within("cosine", _expected.Floats("cosine"), cosines);
        Within("logits_per_image", _expected.Floats("logits_per_image"), [.. cosines.Select(cosine => cosine * images["logit_scale_exp"].Single())]);
    }

    [Theory, MemberData(nameof(PoolingRules))]
    public void The_text_is_taken_where_the_rule_says(string rule)
    {
        var end = rule.EndsWith(".eos_2", StringComparison.Ordinal) ? LegacyEndToken : _json.RootElement.GetProperty("end_token_id").GetInt32();

        var outputs = Run(Text(_config with { EosTokenId = end }), "input_ids", Ids("pooling.input_ids"));

        Within("text_embeds.projected", _expected.Floats(rule), outputs["text_embeds"]);
    }

    public void Dispose()
    {
        _owned.ForEach(owned => owned.Dispose());
        _json.Dispose();
    }

    private OnnxModel Vision() => Load(ClipGraphs.Vision(_config, _weights, _ => true));

    private OnnxModel Text(ClipConfig config) => Load(ClipGraphs.Text(config, _weights, _ => true));

    private OnnxModel Load(Graph graph)
    {
        var network = OnnxModel.Load(graph.ToModel().ToByteArray(), _checkpoint, new OnnxModelOptions(Device.Cpu, 1, KeepMemory: false));
        _owned.Add(network);
        return network;
    }

    private static Dictionary<string, float[]> Run(OnnxModel network, string input, (Array Data, long[] Shape) tensor)
    {
        using var value = tensor.Data is long[] ids
            ? OrtValue.CreateTensorValueFromMemory(ids, tensor.Shape)
            : OrtValue.CreateTensorValueFromMemory((float[])tensor.Data, tensor.Shape);
        using var outputs = network.Run([(input, value)], [.. network.Outputs], default);
        return network.Outputs.Zip(outputs).ToDictionary(output => output.First, output => output.Second.GetTensorDataAsSpan<float>().ToArray());
    }

    private (float[] Data, long[] Shape) Floats(string name) => (_expected.Floats(name), [.. _expected.Shape(name).Select(side => (long)side)]);

    private (long[] Data, long[] Shape) Ids(string name)
    {
        var (ids, shape) = Floats(name);
        return (Array.ConvertAll(ids, id => (long)id), shape);
    }

    private void Layers(string prefix, string modules, Dictionary<string, float[]> outputs)
    {
        var layers = _expected.Names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).ToArray();
        Assert.NotEmpty(layers);
        Assert.All(layers, layer => Within($"{prefix}*", _expected.Floats(layer), outputs[modules + layer[prefix.Length..]]));
    }

    private static float[] Normalised(float[] embeddings, int width) =>
        [.. embeddings.Chunk(width).SelectMany(row => { var norm = MathF.Sqrt(row.Sum(x => x * x)); return row.Select(x => x / norm); })];

    private void Within(string measure, float[] expected, float[] actual)
    {
        var tolerance = _json.RootElement.GetProperty("precision").GetProperty(measure).GetProperty("tolerance").GetDouble();
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs((double)expected[i] - actual[i]) <= tolerance, $"{measure}, element {i}: expected {expected[i]:R}, got {actual[i]:R}, allowed {tolerance:E0}.");
        }
    }
}
