using Sana.GraphBuilder.Onnx;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Parity;

/// <summary>
/// The mixed graphs in float16, on the processor, which computes them by widening around each kernel: what is held here are the casts, which weights are rounded and which sums stay
/// in float32. A half has 11 bits: one rounding is 4.9e-4. Measured: velocity up to 4e-3 of the largest value, eight of them; latents of a whole run up to 0.11 at single
/// places, since random weights enlarge every difference. Bfloat16 differs in the type alone.
/// </summary>
[Trait("Category", "Parity")]
public sealed class HalfPrecisionParityTests
{
    private const double Tolerance = 2e-2;

    public static IEnumerable<TheoryDataRow<string, string, string>> Evaluations() => TransformerParityTests.Evaluations();

    public static IEnumerable<TheoryDataRow<string, string>> Runs() => RunParityTests.Runs();

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Evaluations))]
    public void Velocity_is_near_that_of_float32(string checkpoint, string grid, string timestep)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);
        var (expected, actual) = OtherPrecisions.Velocity(reference, Arithmetic.Float16, grid, timestep);

        Close.To(expected, actual, Tolerance);
        Assert.NotEqual(expected, actual);
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void Runs_are_near_those_of_float32(string checkpoint, string name)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);

        OtherPrecisions.Run(reference, Arithmetic.Float16, name, leastCosine: 0.99);
    }
}
