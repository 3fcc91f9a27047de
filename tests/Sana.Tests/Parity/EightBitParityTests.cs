using Sana.GraphBuilder.Onnx;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Parity;

/// <summary>
/// The networks in eight bits against the reference in float32. The fixtures' weights are random and their layers narrow, which is the hardest case: nothing averages out.
/// Measured: velocity up to 3e-2 of the largest value, latents of a whole run up to 8e-2.
/// </summary>
[Trait("Category", "Parity")]
public sealed class EightBitParityTests
{
    private const double Tolerance = 0.06;
    private const double RunTolerance = 0.16;

    public static IEnumerable<TheoryDataRow<string, string, string>> Evaluations() => TransformerParityTests.Evaluations();

    public static IEnumerable<TheoryDataRow<string, string>> Runs() => RunParityTests.Runs();

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Evaluations))]
    public void Velocity_is_near_that_of_float32(string checkpoint, string grid, string timestep)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);
        var (expected, actual) = OtherPrecisions.Velocity(reference, Arithmetic.W8A8, grid, timestep);

        Close.To(expected, actual, Tolerance);
        Assert.NotEqual(expected, actual);
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void Runs_are_near_those_of_float32(string checkpoint, string name)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);

        OtherPrecisions.Run(reference, Arithmetic.W8A8, name, RunTolerance);
    }
}
