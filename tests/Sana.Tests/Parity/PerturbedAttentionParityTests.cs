using System.Text.Json;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Parity;

/// <summary>Whole runs with perturbed-attention guidance against the reference.</summary>
[Trait("Category", "Parity")]
public sealed class PerturbedAttentionParityTests
{
    private static readonly SafetensorsReader _expected = SafetensorsReader.OpenFile(Path.Combine(Fixtures.Adapters, "expected.safetensors"));
    private static readonly JsonElement _runs = JsonDocument.Parse(File.ReadAllText(Path.Combine(Fixtures.Adapters, "expected.json"))).RootElement.GetProperty("runs");

    public static IEnumerable<TheoryDataRow<string>> Runs() => _runs.EnumerateObject().Where(run => run.Value.TryGetProperty("pag_scale", out _)).Select(run => new TheoryDataRow<string>(run.Name));

    [Theory]
    [MemberData(nameof(Runs))]
    public void Run_is_the_references(string name)
    {
        var run = _runs.GetProperty(name);
        using var reference = new ReferenceCheckpoint(run.GetProperty("checkpoint").GetString()!);
        using var pipeline = RunParityTests.Pipeline(reference, extended: true);

        var images = pipeline.Generate(Requests(run), RunParityTests.OptionsOf(run) with { Pag = PagOf(run) }, Noise(name), (step, velocity, latents) =>
        {
            Close.To(_expected.Floats($"run.{name}.velocity.{step}"), velocity.Data, ReferenceCheckpoint.RunTolerance);
            Close.To(_expected.Floats($"run.{name}.latents.{step}"), latents.Data, ReferenceCheckpoint.RunTolerance);
        });

        RunParityTests.CheckPixels(_expected.Bytes($"run.{name}.image"), [.. images.SelectMany(image => image.Image!.Pixels)]);
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void Scale_zero_is_the_plain_image_byte_for_byte(string name)
    {
        var run = _runs.GetProperty(name);
        using var reference = new ReferenceCheckpoint(run.GetProperty("checkpoint").GetString()!);
        using var plain = RunParityTests.Pipeline(reference);
        using var extended = RunParityTests.Pipeline(reference, extended: true);

        var expected = plain.Generate(Requests(run), RunParityTests.OptionsOf(run), Noise(name), observe: null);
        var actual = extended.Generate(Requests(run), RunParityTests.OptionsOf(run) with { Pag = new PerturbedAttention(0) }, Noise(name), observe: null);

        Assert.Equal(expected.Select(image => image.Image!.Pixels), actual.Select(image => image.Image!.Pixels));
    }

    private static NoiseSource Noise(string name) => (_, _, _) => new FloatTensor(_expected.Floats($"run.{name}.noise"), [.. _expected.Shape($"run.{name}.noise").Select(side => (long)side)]);

    private static ImageRequest[] Requests(JsonElement run) => [.. run.GetProperty("prompts").Deserialize<string[]>()!.Select(prompt => new ImageRequest(prompt, Seed: 0))];

    private static PerturbedAttention PagOf(JsonElement run) =>
        new(run.GetProperty("pag_scale").GetSingle(), run.TryGetProperty("pag_adaptive_scale", out var adaptive) ? adaptive.GetSingle() : 0)
        {
            Layers = run.GetProperty("pag_layers").Deserialize<int[]>()!,
        };
}
