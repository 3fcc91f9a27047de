using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using Sana.GraphBuilder.Models;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Parity;

[Trait("Category", "Parity")]
public sealed class TransformerParityTests
{
    internal const float SprintGuidance = 0.45f;

    public static IEnumerable<TheoryDataRow<string, string, string>> Evaluations() =>
        from checkpoint in ReferenceCheckpoint.Names
        from name in SafetensorsReader.Open("expected", $"{checkpoint}.safetensors").Names
        where name.StartsWith("dit.", StringComparison.Ordinal) && name.EndsWith(".velocity", StringComparison.Ordinal)
        let parts = name.Split('.', 3) // dit, grid, t<timestep>.velocity
        select new TheoryDataRow<string, string, string>(checkpoint, parts[1], parts[2]["t".Length..^".velocity".Length]);

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Evaluations))]
    public void Velocity_and_everything_inside_are_the_references(string checkpoint, string grid, string timestep)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);
        var (config, weights, clamp) = (reference.Files.Transformer, reference.Files.TransformerWeights, reference.Files.Clamp.On);
        var network = reference.Load(SanaGraphs.Transformer(config, weights, clamp, expose: _ => true), "transformer");

        using var outputs = network.Run(Inputs(reference, network, grid, timestep), [.. network.Outputs], default);

        var at = $"dit.{grid}.t{timestep}";
        Close.To(reference.Expected.Floats($"{at}.velocity"), Output("out_hidden_states"), ReferenceCheckpoint.NetworkTolerance);
        foreach (var inside in reference.Between($"{at}.", "").Where(name => name != "velocity"))
        {
            Close.To(reference.Expected.Floats($"{at}.{inside}"), Output(ModuleOf(inside)), ReferenceCheckpoint.NetworkTolerance);
        }

        ReadOnlySpan<float> Output(string name) => outputs[network.Outputs.ToList().IndexOf(name)].GetTensorDataAsSpan<float>();
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Evaluations))]
    public void Conditioning_once_a_prompt_gives_the_same_velocity(string checkpoint, string grid, string timestep)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);
        var (config, weights, clamp) = (reference.Files.Transformer, reference.Files.TransformerWeights, reference.Files.Clamp.On);
        using var transformer = new SanaTransformer(
            reference.Load(SanaGraphs.Conditioning(config, weights), "transformer"),
            reference.Load(SanaGraphs.Denoiser(config, weights, clamp), "transformer"));

        using var conditioning = transformer.Condition(Samples(reference, grid));
        var velocity = transformer.Evaluate(
            conditioning, reference.Tensor($"dit.{grid}.hidden_states"), Number(timestep), SprintGuidance);

        Close.To(reference.Expected.Floats($"dit.{grid}.t{timestep}.velocity"), velocity.Data, ReferenceCheckpoint.NetworkTolerance);
    }

    [Fact]
    public void Without_the_clamp_a_network_trained_in_half_precision_differs()
    {
        foreach (var checkpoint in ReferenceCheckpoint.Names)
        {
            using var reference = new ReferenceCheckpoint(checkpoint);
            if (!reference.Has("velocity_difference_without_clip"))
            {
                continue;
            }

            var network = reference.Load(SanaGraphs.Transformer(reference.Files.Transformer, reference.Files.TransformerWeights, clamp: false), "transformer");
            var largest = Evaluations().Select(row => row.Data).Where(data => data.Item1 == checkpoint).Max(data => Difference(reference, network, data.Item2, data.Item3));

            var stated = reference.Json.GetProperty("velocity_difference_without_clip").GetDouble();
            Assert.InRange(largest, stated * 0.999, stated * 1.001);
        }
    }

    private static double Difference(ReferenceCheckpoint reference, OnnxModel network, string grid, string timestep)
    {
        using var outputs = network.Run(Inputs(reference, network, grid, timestep), ["out_hidden_states"], default);
        var actual = outputs[0].GetTensorDataAsSpan<float>().ToArray();
        return reference.Expected.Floats($"dit.{grid}.t{timestep}.velocity").Zip(actual, (a, b) => (double)Math.Abs(a - b)).Max();
    }

    private static List<(string Name, OrtValue Value)> Inputs(ReferenceCheckpoint reference, OnnxModel network, string grid, string timestep)
    {
        var mask = reference.Tensor($"dit.{grid}.encoder_attention_mask");
        List<(string, OrtValue)> inputs =
        [
            ("hidden_states", reference.Tensor($"dit.{grid}.hidden_states").ToOrtValue()),
            ("encoder_hidden_states", reference.Tensor($"dit.{grid}.encoder_hidden_states").ToOrtValue()),
            ("encoder_attention_mask", OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(mask.Data, m => (long)m), mask.Shape)),
            ("timestep", Repeated(Number(timestep), mask.Shape[0])),
        ];
        if (network.Inputs.Contains("guidance"))
        {
            inputs.Add(("guidance", Repeated(SprintGuidance, mask.Shape[0])));
        }

        return inputs;
    }

    // The samples without their padding: the code that ships never sees any.
    internal static FloatTensor[] Samples(ReferenceCheckpoint reference, string grid)
    {
        var text = reference.Tensor($"dit.{grid}.encoder_hidden_states");
        var mask = reference.Tensor($"dit.{grid}.encoder_attention_mask");
        var (samples, tokens, channels) = ((int)text.Shape[0], (int)text.Shape[1], (int)text.Shape[2]);
        return
        [
            .. Enumerable.Range(0, samples).Select(i =>
            {
                var valid = mask.Data.AsSpan(i * tokens, tokens).Count(1f);
                return new FloatTensor(text.Data.AsSpan(i * tokens * channels, valid * channels).ToArray(), valid, channels);
            }),
        ];
    }

    private static OrtValue Repeated(float value, long count) =>
        OrtValue.CreateTensorValueFromMemory(Enumerable.Repeat(value, (int)count).ToArray(), [count]);

    private static float Number(string timestep) => float.Parse(timestep, CultureInfo.InvariantCulture);

    private static string ModuleOf(string inside) => inside switch
    {
        "patch_embed" => "patch_embed",
        "caption" => "caption_norm",
        "embedded_timestep" => "time_embed.embedded_timestep",
        "time6" => "time_embed.linear",
        _ => inside.Replace("block.", "transformer_blocks.", StringComparison.Ordinal),
    };
}
