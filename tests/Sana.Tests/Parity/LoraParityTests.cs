using System.Text.Json;
using Sana.GraphBuilder.Adapters;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Parity;

/// <summary>Adapters against the reference (diffusers with PEFT, not merged): the networks' outputs, and a whole run.</summary>
[Trait("Category", "Parity")]
public sealed class LoraParityTests
{
    private static readonly SafetensorsReader _expected = SafetensorsReader.OpenFile(Path.Combine(Fixtures.Adapters, "expected.safetensors"));

    public static IEnumerable<TheoryDataRow<string, string>> Velocities() =>
        from name in _expected.Names
        where name.EndsWith(".velocity", StringComparison.Ordinal)
        let checkpoint = ReferenceCheckpoint.Names.Where(each => name.StartsWith(each + ".", StringComparison.Ordinal)).MaxBy(each => each.Length)
        where checkpoint is not null
        select new TheoryDataRow<string, string>(checkpoint, name[(checkpoint.Length + 1)..^".velocity".Length]);

    [Theory]
    [MemberData(nameof(Velocities))]
    public void Velocity_with_adapters_is_the_references(string checkpoint, string label)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);

        var velocity = Velocity(reference, Uses(label), Arithmetic.Float32);

        Close.To(_expected.Floats($"{checkpoint}.{label}.velocity"), velocity, ReferenceCheckpoint.NetworkTolerance);
        var without = reference.Expected.Floats($"{Prefix(checkpoint)}.t499.velocity");
        Assert.True(without.Zip(velocity, (a, b) => Math.Abs(a - b)).Max() > 0.05 * without.Max(Math.Abs));
    }

    [Theory]
    [MemberData(nameof(Velocities))]
    public void Eight_bits_and_adapters_in_float_point_where_the_reference_does(string checkpoint, string label)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);

        var velocity = Velocity(reference, Uses(label), Arithmetic.W8A8);

        Assert.InRange(System.Numerics.Tensors.TensorPrimitives.CosineSimilarity<float>(_expected.Floats($"{checkpoint}.{label}.velocity"), velocity), 0.99, 1.00001);
    }

    [Theory]
    [MemberData(nameof(Velocities))]
    public void Half_precision_and_adapters_in_float_are_near_the_reference(string checkpoint, string label)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);

        var velocity = Velocity(reference, Uses(label), Arithmetic.Float16);

        Close.To(_expected.Floats($"{checkpoint}.{label}.velocity"), velocity, 0.02);
    }

    [Fact]
    public void Run_with_an_adapter_is_the_references()
    {
        using var expectedJson = JsonDocument.Parse(File.ReadAllText(Path.Combine(Fixtures.Adapters, "expected.json")));
        var run = expectedJson.RootElement.GetProperty("runs").GetProperty("lora");
        var name = run.GetProperty("adapter").GetString()!;
        using var reference = new ReferenceCheckpoint(run.GetProperty("checkpoint").GetString()!);
        using var pipeline = RunParityTests.Pipeline(reference, extended: true, adapters: [AdapterOf(reference, name)]);
        var options = RunParityTests.OptionsOf(run) with { Adapters = new AdapterUses([new AdapterUse(name, run.GetProperty("weight").GetSingle())]) };
        ImageRequest[] requests = [.. run.GetProperty("prompts").Deserialize<string[]>()!.Select(prompt => new ImageRequest(prompt, Seed: 0))];

        var images = pipeline.Generate(requests, options, (_, _, _) => Tensor("run.lora.noise"), (step, velocity, latents) =>
        {
            Close.To(_expected.Floats($"run.lora.velocity.{step}"), velocity.Data, ReferenceCheckpoint.RunTolerance);
            Close.To(_expected.Floats($"run.lora.latents.{step}"), latents.Data, ReferenceCheckpoint.RunTolerance);
        });

        RunParityTests.CheckPixels(_expected.Bytes("run.lora.image"), [.. images.SelectMany(image => image.Image!.Pixels)]);
    }

    [Theory]
    [InlineData("float32")]
    [InlineData("w8a8")]
    public void Nothing_given_is_the_plain_network_bit_for_bit(string precision)
    {
        var arithmetic = precision == "w8a8" ? Arithmetic.W8A8 : Arithmetic.Float32;
        foreach (var checkpoint in ReferenceCheckpoint.Names)
        {
            using var reference = new ReferenceCheckpoint(checkpoint);
            var grid = TransformerParityTests.Evaluations().First(row => row.Data.Item1 == checkpoint).Data.Item2;

            Assert.Equal(Velocity(reference, grid, null, arithmetic, extended: false), Velocity(reference, grid, null, arithmetic, extended: true));
        }
    }

    [Fact]
    public void An_adapter_whose_B_is_zero_is_the_plain_network_bit_for_bit()
    {
        foreach (var checkpoint in Velocities().Select(row => row.Data.Item1).Distinct())
        {
            using var reference = new ReferenceCheckpoint(checkpoint);
            var grid = Prefix(checkpoint)["dit.".Length..];
            var zero = Layers(checkpoint, "wide").Select(layer => layer with { B = new float[layer.B.Length] });
            using var inputs = new AdapterInputs([(new AdapterUse("zero"), [.. zero])]);

            Assert.Equal(Velocity(reference, grid, null, Arithmetic.Float32, extended: false), Velocity(reference, grid, inputs, Arithmetic.Float32, extended: true));
        }
    }

    private static float[] Velocity(ReferenceCheckpoint reference, (string Name, float Weight)[] uses, Arithmetic arithmetic)
    {
        var checkpoint = Path.GetFileName(reference.Folder);
        using var inputs = new AdapterInputs(uses.Select(use => (new AdapterUse(use.Name, use.Weight), Layers(checkpoint, use.Name))));
        return Velocity(reference, Prefix(checkpoint)["dit.".Length..], inputs, arithmetic, extended: true);
    }

    private static float[] Velocity(ReferenceCheckpoint reference, string grid, AdapterInputs? inputs, Arithmetic arithmetic, bool extended)
    {
        var (config, weights, clamp) = (reference.Files.Transformer, reference.Files.TransformerWeights, reference.Files.Clamp.On);
        using var transformer = new SanaTransformer(
            reference.Load(SanaGraphs.Conditioning(config, weights, arithmetic, extended: extended), "transformer"),
            reference.Load(SanaGraphs.Denoiser(config, weights, clamp, arithmetic, extended: extended), "transformer"));
        using var conditioning = transformer.Condition(TransformerParityTests.Samples(reference, grid), inputs);
        return transformer.Evaluate(conditioning, reference.Tensor($"dit.{grid}.hidden_states"), 499, TransformerParityTests.SprintGuidance).Data;
    }

    private static (string, float)[] Uses(string label) => label == "all"
        ? [("attention", 0.3f), ("wide", 0.5f), ("rslora", 0.9f)]
        : [.. label.Split('+').Select(part => part.Split('@') is [var name, var weight] ? (name, float.Parse(weight, null)) : (part, 1f))];

    private static string Prefix(string checkpoint)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(Fixtures.Adapters, "expected.json")));
        return json.RootElement.GetProperty(checkpoint).GetProperty("prefix").GetString()!;
    }

    internal static Adapter AdapterOf(ReferenceCheckpoint reference, string name)
    {
        var file = LoraFile.Open(Path.Combine(Fixtures.Adapters, "lora", Path.GetFileName(reference.Folder), name));
        return new Adapter(name, file.Sha256, () => Layers(Path.GetFileName(reference.Folder), name));
    }

    private static IReadOnlyList<AdapterLayer> Layers(string checkpoint, string name)
    {
        var file = LoraFile.Open(Path.Combine(Fixtures.Adapters, "lora", checkpoint, name));
        file.RequireFit(Path.Combine(Fixtures.Sana, "checkpoints", checkpoint));
        return [.. file.Read().Select(layer => new AdapterLayer(layer.Name, layer.Rank, layer.Scale, layer.A, layer.B, layer.Bias))];
    }

    private static FloatTensor Tensor(string name) => new(_expected.Floats(name), [.. _expected.Shape(name).Select(side => (long)side)]);
}
