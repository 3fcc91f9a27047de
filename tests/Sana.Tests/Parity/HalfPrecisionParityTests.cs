using System.Globalization;
using System.Numerics.Tensors;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.Inference.Diffusion;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Parity;

/// <summary>
/// The transformer in float16. The processor computes it by widening around each kernel, so what is held here are the casts: which weights are rounded, which sums stay
/// in float32. A half has 11 bits: one rounding is 4.9e-4. Measured: up to 5e-3, ten of them; four times that is allowed.
/// </summary>
[Trait("Category", "Parity")]
public sealed class HalfPrecisionParityTests
{
    private const double Tolerance = 2e-2;

    public static IEnumerable<TheoryDataRow<string, string, string>> Evaluations() => TransformerParityTests.Evaluations();

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Evaluations))]
    public void Velocity_is_near_that_of_float32(string checkpoint, string grid, string timestep)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);
        var (config, weights, clamp) = (reference.Files.Transformer, reference.Files.TransformerWeights, reference.Files.Clamp.On);
        using var transformer = new SanaTransformer(
            reference.Load(SanaGraphs.Conditioning(config, weights, ElementType.Float16), "transformer"),
            reference.Load(SanaGraphs.Denoiser(config, weights, clamp, ElementType.Float16), "transformer"));

        using var conditioning = transformer.Condition(TransformerParityTests.Samples(reference, grid));
        var velocity = transformer.Evaluate(
            conditioning, reference.Tensor($"dit.{grid}.hidden_states"), float.Parse(timestep, CultureInfo.InvariantCulture), TransformerParityTests.SprintGuidance);

        var expected = reference.Expected.Floats($"dit.{grid}.t{timestep}.velocity");
        Close.To(expected, velocity.Data, Tolerance);
        Assert.NotEqual(expected, velocity.Data);
        Assert.True(TensorPrimitives.IsFiniteAll<float>(velocity.Data));
    }
}
