using System.Numerics.Tensors;
using Xunit;

namespace Sana.Tests.Support;

/// <summary>Comparisons with a stated tolerance.</summary>
internal static class Close
{
    /// <summary>Every difference is at most <paramref name="relative"/> times the largest absolute expected value.</summary>
    public static void To(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double relative)
    {
        Assert.Equal(expected.Length, actual.Length);
        var largest = Math.Abs(TensorPrimitives.MaxMagnitude(expected));
        for (var i = 0; i < expected.Length; i++)
        {
            var difference = Math.Abs((double)expected[i] - actual[i]);
            Assert.True(difference <= relative * largest, $"Element {i}: expected {expected[i]:R}, got {actual[i]:R}; {difference / largest:E2} of {largest}, allowed {relative:E0}.");
        }
    }
}
