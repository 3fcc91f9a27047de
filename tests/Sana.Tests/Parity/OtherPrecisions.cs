using System.Globalization;
using System.Numerics.Tensors;
using System.Text.Json;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.Inference.Diffusion;
using Xunit;

namespace Sana.Tests.Parity;

/// <summary>The fixtures' networks in another arithmetic than that of the reference.</summary>
internal static class OtherPrecisions
{
    /// <summary>The reference's velocity and that of the transformer in the arithmetic, all of it finite.</summary>
    public static (float[] Expected, float[] Actual) Velocity(ReferenceCheckpoint reference, Arithmetic arithmetic, string grid, string timestep)
    {
        var (config, weights, clamp) = (reference.Files.Transformer, reference.Files.TransformerWeights, reference.Files.Clamp.On);
        using var transformer = new SanaTransformer(
            reference.Load(SanaGraphs.Conditioning(config, weights, arithmetic), "transformer"),
            reference.Load(SanaGraphs.Denoiser(config, weights, clamp, arithmetic), "transformer"));
        using var conditioning = transformer.Condition(TransformerParityTests.Samples(reference, grid));

        var velocity = transformer.Evaluate(
            conditioning, reference.Tensor($"dit.{grid}.hidden_states"), float.Parse(timestep, CultureInfo.InvariantCulture), TransformerParityTests.SprintGuidance);

        Assert.True(TensorPrimitives.IsFiniteAll<float>(velocity.Data));
        return (reference.Expected.Floats($"dit.{grid}.t{timestep}.velocity"), velocity.Data);
    }

    /// <summary>A whole run, prompt to pixels, from the reference's own noise: the last latents point where the reference's do, and no image is broken.</summary>
    public static void Run(ReferenceCheckpoint reference, Arithmetic arithmetic, string name, double leastCosine)
    {
        using var pipeline = RunParityTests.Pipeline(reference, arithmetic);
        var run = reference.Json.GetProperty("runs").GetProperty(name);
        ImageRequest[] requests = [.. run.GetProperty("prompts").Deserialize<string[]>()!.Select(prompt => new ImageRequest(prompt, Seed: 0))];
        var cosine = 0.0;

        var images = pipeline.Generate(
            requests,
            RunParityTests.OptionsOf(run),
            (stream, _, _) => reference.Tensor(stream == 0 ? $"run.{name}.noise" : $"run.{name}.step_noise.{stream - 1}"),
            (step, _, latents) => cosine = TensorPrimitives.CosineSimilarity<float>(reference.Expected.Floats($"run.{name}.latents.{step}"), latents.Data));

        Assert.All(images, image => Assert.Null(image.Failure));
        Assert.InRange(cosine, leastCosine, 1.00001);
    }
}
