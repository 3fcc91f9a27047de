using System.Numerics.Tensors;
using Sana.GraphBuilder.Onnx;
using Xunit;

namespace Sana.Tests.Parity;

/// <summary>
/// The networks in eight bits against the reference in float32. The fixtures' weights are random and their layers narrow, which is the hardest case: nothing averages out.
/// Measured: cosine of the velocity 0.9969 and more. What it costs on trained weights is held by TinySanaEightBitsTests.
/// </summary>
[Trait("Category", "Parity")]
public sealed class EightBitParityTests
{
    private const double LeastCosine = 0.99;
    private const double LeastCosineOfRun = 0.93;

    public static IEnumerable<TheoryDataRow<string, string, string>> Evaluations() => TransformerParityTests.Evaluations();

    public static IEnumerable<TheoryDataRow<string, string>> Runs() => RunParityTests.Runs();

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Evaluations))]
    public void Velocity_is_near_that_of_float32(string checkpoint, string grid, string timestep)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);
        var (expected, actual) = OtherPrecisions.Velocity(reference, Arithmetic.W8A8, grid, timestep);

        Assert.InRange(TensorPrimitives.CosineSimilarity<float>(expected, actual), LeastCosine, 1.00001);
        Assert.NotEqual(expected, actual);
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void Runs_are_near_those_of_float32(string checkpoint, string name)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);

        OtherPrecisions.Run(reference, Arithmetic.W8A8, name, LeastCosineOfRun);
    }
}
