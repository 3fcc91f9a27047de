using System.Text.Json;
using Google.Protobuf;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Parity;

/// <summary>The control network against the reference: the latents of its picture, what it adds, what the transformer makes of it, and a whole run; alone and with everything else that leads an image.</summary>
[Trait("Category", "Parity")]
public sealed class ControlNetParityTests
{
    private const string Checkpoint = "sana";

    private static readonly SafetensorsReader _expected = SafetensorsReader.OpenFile(Path.Combine(Fixtures.Adapters, "expected.safetensors"));
    private static readonly JsonElement _json = JsonDocument.Parse(File.ReadAllText(Path.Combine(Fixtures.Adapters, "expected.json"))).RootElement;

    private static JsonElement Run => _json.GetProperty("runs").GetProperty("control");

    private static float Timestep => _json.GetProperty("control").GetProperty("timestep").GetSingle();

    private static string Grid => _json.GetProperty("control").GetProperty("prefix").GetString()!["dit.".Length..];

    public static IEnumerable<TheoryDataRow<float>> Scales() => _expected.Names
        .Where(name => name.StartsWith("control.velocity", StringComparison.Ordinal))
        .Select(name => new TheoryDataRow<float>(name.Split('@') is [_, var scale] ? float.Parse(scale, null) : 1));

    [Fact]
    public void Control_latents_are_the_references()
    {
        using var reference = new ReferenceCheckpoint(Checkpoint);
        using var encoder = Encoder(reference);
        var image = Picture("control.image");

        var latents = encoder.Of(ControlImage.Of(image), image.Height, image.Width, default);

        Close.To(_expected.Floats("control.latent"), latents.Data, ReferenceCheckpoint.AutoencoderTolerance);
    }

    [Fact]
    public void What_it_adds_is_the_references()
    {
        using var reference = new ReferenceCheckpoint(Checkpoint);
        using var network = Network(reference, Arithmetic.Float32);

        using var residuals = Residuals(reference, network, 1);

        Assert.Equal(_expected.Names.Count(name => name.StartsWith("control.residual.", StringComparison.Ordinal)), residuals.Values.Count);
        foreach (var (name, value) in residuals.Values)
            Close.To(_expected.Floats($"control.residual.{name.Split('.')[^1]}"), value.GetTensorDataAsSpan<float>(), ReferenceCheckpoint.NetworkTolerance);
    }

    [Theory]
    [MemberData(nameof(Scales))]
    public void Velocity_with_control_is_the_references(float scale)
    {
        using var reference = new ReferenceCheckpoint(Checkpoint);

        var velocity = Velocity(reference, Arithmetic.Float32, scale);

        Close.To(Expected(scale), velocity, ReferenceCheckpoint.NetworkTolerance);
        var without = reference.Expected.Floats(FormattableString.Invariant($"dit.{Grid}.t{Timestep}.velocity"));
        Assert.True(without.Zip(velocity, (a, b) => Math.Abs(a - b)).Max() > 0.2 * without.Max(Math.Abs));
    }

    [Theory]
    [MemberData(nameof(Scales))]
    public void In_eight_bits_it_points_where_the_reference_does(float scale)
    {
        using var reference = new ReferenceCheckpoint(Checkpoint);

        Assert.InRange(System.Numerics.Tensors.TensorPrimitives.CosineSimilarity<float>(Expected(scale), Velocity(reference, Arithmetic.W8A8, scale)), 0.99, 1.00001);
    }

    [Theory]
    [MemberData(nameof(Scales))]
    public void In_half_precision_it_is_near_the_reference(float scale)
    {
        using var reference = new ReferenceCheckpoint(Checkpoint);

        Close.To(Expected(scale), Velocity(reference, Arithmetic.Float16, scale), 0.02);
    }

    [Fact]
    public void Run_with_control_is_the_references()
    {
        using var reference = new ReferenceCheckpoint(Run.GetProperty("checkpoint").GetString()!);
        using var pipeline = Pipeline(reference);
        ImageRequest[] requests = [.. Run.GetProperty("prompts").Deserialize<string[]>()!.Select(prompt => new ImageRequest(prompt, Seed: 0))];

        var images = pipeline.Generate(requests, Controlled(), (_, _, _) => Tensor("run.control.noise"), (step, velocity, latents) =>
        {
            Close.To(_expected.Floats($"run.control.velocity.{step}"), velocity.Data, ReferenceCheckpoint.RunTolerance);
            Close.To(_expected.Floats($"run.control.latents.{step}"), latents.Data, ReferenceCheckpoint.RunTolerance);
        });

        RunParityTests.CheckPixels(_expected.Bytes("run.control.image"), [.. images.SelectMany(image => image.Image!.Pixels)]);
    }

    [Fact]
    public void Scale_zero_is_the_plain_image_byte_for_byte()
    {
        using var reference = new ReferenceCheckpoint(Checkpoint);
        using var plain = RunParityTests.Pipeline(reference);
        using var pipeline = Pipeline(reference);
        ImageRequest[] requests = [new("a red bicycle", 1), new("a lighthouse", 2)];

        var expected = plain.Generate(requests, RunParityTests.OptionsOf(Run));
        var actual = pipeline.Generate(requests, Controlled(scale: 0));

        Assert.Equal(expected.Select(image => image.Image!.Pixels), actual.Select(image => image.Image!.Pixels));
    }

    [Theory]
    [InlineData(1f, 0f, false)]
    [InlineData(4.5f, 0f, false)]
    [InlineData(1f, 2f, false)]
    [InlineData(4.5f, 2f, false)]
    [InlineData(4.5f, 0f, true)]
    [InlineData(1f, 2f, true)]
    [InlineData(4.5f, 2f, true)]
    public void Images_of_a_batch_are_those_that_are_made_alone(float guidance, float pag, bool adapted)
    {
        using var reference = new ReferenceCheckpoint(Checkpoint);
        using var pipeline = Pipeline(reference);
        var options = Controlled() with
        {
            Guidance = guidance,
            Pag = new PerturbedAttention(pag) { Layers = [1] },
            Adapters = adapted ? new AdapterUses([new AdapterUse("attention", 0.8f)]) : null,
        };
        ImageRequest[] requests = [new("a red bicycle", 1), new("a lighthouse on a rock", 2), new("a cup", 3)];

        var together = Velocities(pipeline, requests, options);

        for (var i = 0; i < requests.Length; i++)
        {
            var alone = Velocities(pipeline, [requests[i]], options);
            foreach (var (all, one) in together.Zip(alone))
                Close.To(one, all.AsSpan(i * one.Length, one.Length), ReferenceCheckpoint.RunTolerance);
        }

        var without = Velocities(pipeline, requests, options with { Control = null });
        Assert.True(together[0].Zip(without[0], (a, b) => Math.Abs(a - b)).Max() > 0.05 * without[0].Max(Math.Abs));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void What_is_perturbed_gets_what_its_sample_got(int layer)
    {
        using var reference = new ReferenceCheckpoint(Checkpoint);
        using var network = Network(reference, Arithmetic.Float32);
        using var transformer = Transformer(reference, Arithmetic.Float32);
        var blocks = reference.Files.Transformer.NumLayers;
        using var conditioning = transformer.Condition(TransformerParityTests.Samples(reference, Grid));
        var latents = reference.Tensor($"dit.{Grid}.hidden_states");

        // Both samples are copied and the copies perturbed; against all samples perturbed at once.
        using var copies = new PerturbedInputs([layer], blocks, latents.Shape[0], latents.Shape[0]);
        using var copied = Residuals(reference, network, 1, copies);
        var together = transformer.Evaluate(conditioning, latents, Timestep, 0, copies, copied);
        using var everything = new PerturbedInputs([layer], blocks, 0, 0);
        using var plain = Residuals(reference, network, 1);
        var perturbed = transformer.Evaluate(conditioning, latents, Timestep, 0, everything, plain);

        Close.To(Expected(1), together.Data.AsSpan(0, perturbed.Data.Length), ReferenceCheckpoint.NetworkTolerance);
        Close.To(perturbed.Data, together.Data.AsSpan(perturbed.Data.Length), ReferenceCheckpoint.NetworkTolerance);
    }

    [Fact]
    public void An_adapter_that_changes_nothing_changes_nothing_with_control_too()
    {
        using var reference = new ReferenceCheckpoint(Checkpoint);
        using var pipeline = Pipeline(reference);

        var expected = Velocities(pipeline, [new ImageRequest("a cup", 3)], Controlled());
        var actual = Velocities(pipeline, [new ImageRequest("a cup", 3)], Controlled() with { Adapters = new AdapterUses([new AdapterUse("attention", 0)]) });

        Assert.Equal(expected, actual);
    }

    private static List<float[]> Velocities(SanaPipeline pipeline, ImageRequest[] requests, GenerateOptions options)
    {
        var velocities = new List<float[]>();
        pipeline.Generate(requests, options, (stream, height, width) => Noise(requests, stream, height, width), (_, velocity, _) => velocities.Add([.. velocity.Data]));
        return velocities;
    }

    private static FloatTensor Noise(ImageRequest[] requests, int stream, int height, int width)
    {
        var (channels, cells) = (_expected.Shape("run.control.noise")[1], height / 32 * (width / 32));
        var noise = FloatTensor.Zeros(requests.Length, channels, height / 32, width / 32);
        for (var i = 0; i < requests.Length; i++)
            LatentNoise.Fill(noise.Data.AsSpan(i * channels * cells, channels * cells), requests[i].Seed, 0, stream);
        return noise;
    }

    private static GenerateOptions Controlled(float? scale = null) => RunParityTests.OptionsOf(Run) with
    {
        Control = new ControlUse("network", scale ?? Run.GetProperty("controlnet_conditioning_scale").GetSingle()) { Image = ControlImage.Of(Picture("control.run.image")) },
    };

    private static SanaPipeline Pipeline(ReferenceCheckpoint reference) => RunParityTests.Pipeline(
        reference, extended: true, adapters: [LoraParityTests.AdapterOf(reference, "attention")], loadEncoder: () => EncoderGraph(reference), controls: new ControlShelf([new ControlNetwork("network", "f1", "")], (_, _) => Network(reference, Arithmetic.Float32)));

    private static StartLatents Encoder(ReferenceCheckpoint reference) => new(() => EncoderGraph(reference), int.MaxValue);

    private static OnnxModel EncoderGraph(ReferenceCheckpoint reference) => reference.LoadWithMetadata(SanaGraphs.Encoder(reference.Files.Autoencoder, reference.Files.AutoencoderWeights), "vae");

    private static float[] Expected(float scale) => _expected.Floats(scale == 1 ? "control.velocity" : FormattableString.Invariant($"control.velocity@{scale}"));

    private static float[] Velocity(ReferenceCheckpoint reference, Arithmetic arithmetic, float scale)
    {
        using var network = Network(reference, arithmetic);
        using var transformer = Transformer(reference, arithmetic);
        using var conditioning = transformer.Condition(TransformerParityTests.Samples(reference, Grid));
        using var residuals = Residuals(reference, network, scale);
        return transformer.Evaluate(conditioning, reference.Tensor($"dit.{Grid}.hidden_states"), Timestep, 0, residuals: residuals).Data;
    }

    private static ControlResiduals Residuals(ReferenceCheckpoint reference, SanaControlNet network, float scale, PerturbedInputs? perturbed = null)
    {
        var (latents, picture) = (reference.Tensor($"dit.{Grid}.hidden_states"), Tensor("control.latent"));
        using var conditioning = network.Condition(TransformerParityTests.Samples(reference, Grid), default);
        var given = new FloatTensor([.. Enumerable.Repeat(picture.Data, (int)latents.Shape[0]).SelectMany(data => data)], latents.Shape);
        return network.Evaluate(conditioning, latents, given, Timestep, scale, perturbed, default);
    }

    private static SanaTransformer Transformer(ReferenceCheckpoint reference, Arithmetic arithmetic)
    {
        var (config, weights, clamp) = (reference.Files.Transformer, reference.Files.TransformerWeights, reference.Files.Clamp.On);
        return new SanaTransformer(
            reference.Load(SanaGraphs.Conditioning(config, weights, arithmetic, extended: true), "transformer"),
            reference.Load(SanaGraphs.Denoiser(config, weights, clamp, arithmetic, extended: true), "transformer"));
    }

    private static SanaControlNet Network(ReferenceCheckpoint reference, Arithmetic arithmetic)
    {
        var files = ControlFiles.Open(Path.Combine(Fixtures.Adapters, "controlnet"), new BuildOptions());
        files.RequireFit(reference.Files);
        return new SanaControlNet(
            Load(SanaGraphs.Conditioning(files.Config, files.Weights, arithmetic)),
            Load(SanaGraphs.Control(files.Config, files.Weights, reference.Files.Clamp.On, arithmetic)));

        OnnxModel Load(Graph graph) => OnnxModel.Load(graph.ToModel().ToByteArray(), files.Folder, new OnnxModelOptions(Device.Cpu, 1, KeepMemory: false));
    }

    private static RgbImage Picture(string name) => new(_expected.Shape(name)[1], _expected.Shape(name)[0], _expected.Bytes(name).ToArray());

    private static FloatTensor Tensor(string name) => new(_expected.Floats(name), [.. _expected.Shape(name).Select(side => (long)side)]);
}
