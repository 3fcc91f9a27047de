using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Xunit;

namespace Sana.Tests.Diffusion;

public sealed class PrecisionTests
{
    [Theory]
    [InlineData("auto", "cpu", Precision.Float32)]
    [InlineData("auto", "cuda:1", Precision.Mixed)]
    [InlineData("float32", "cuda", Precision.Float32)]
    [InlineData("mixed", "cuda", Precision.Mixed)]
    [InlineData("w8a8", "cpu", Precision.W8A8)]
    public void A_device_decides_what_auto_is(string name, string device, Precision expected) =>
        Assert.Equal(expected, PrecisionName.Parse(name).On(Device.Parse(device)));

    [Theory]
    [InlineData("w8a8", "cuda", "use mixed or float32 there, or --device cpu")]
    [InlineData("mixed", "cpu", "use float32 or w8a8, or --device cuda")]
    public void What_a_device_has_no_kernels_for_is_refused(string name, string device, string fix) =>
        Assert.Contains(fix, Assert.Throws<InferenceException>(() => PrecisionName.Parse(name).On(Device.Parse(device))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("fp16")]
    [InlineData("W8A8")]
    [InlineData("")]
    public void Another_name_is_refused_with_those_that_there_are(string name) =>
        Assert.Equal($"Precision '{name}' is not known; use auto, float32, w8a8 or mixed.", Assert.Throws<InferenceException>(() => PrecisionName.Parse(name)).Message);
}
