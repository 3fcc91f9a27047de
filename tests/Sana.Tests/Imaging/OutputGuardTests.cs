using Sana.Inference.Imaging;
using Xunit;

namespace Sana.Tests.Imaging;

public sealed class OutputGuardTests
{
    private const int Side = 256;

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void One_value_that_is_not_finite_is_found_anywhere(float value)
    {
        foreach (var place in new[] { 0, 7, 8, 500, 1022 })
        {
            var latents = new float[1023];
            latents[place] = value;

            Assert.Equal("nan", OutputGuard.Check(latents));
        }
    }

    [Fact]
    public void Large_but_finite_latents_pass() => Assert.Null(OutputGuard.Check([float.MaxValue, float.MinValue, 0]));

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void Image_in_which_no_value_reaches_the_limit_is_black(byte most) => Assert.Equal("black", OutputGuard.Check(Paint((x, y) => (byte)((x + y) % (most + 1)))));

    [Theory]
    [InlineData(4)]
    [InlineData(128)]
    [InlineData(255)]
    public void One_colour_is_flat(byte level) => Assert.Equal("flat", OutputGuard.Check(Paint((_, _) => level)));

    [Fact]
    public void One_colour_between_two_levels_is_flat() => Assert.Equal("flat", OutputGuard.Check(Paint((x, _) => (byte)(x % 3 == 0 ? 90 : 91))));

    [Fact]
    public void Fog_of_three_levels_passes() => Assert.Null(OutputGuard.Check(Paint((_, y) => (byte)(200 + (y * 3 / Side)))));

    [Fact]
    public void Lone_star_in_a_dark_sky_passes() => Assert.Null(OutputGuard.Check(Paint((x, y) => (byte)(x == 9 && y == 200 ? 30 : 1))));

    [Fact]
    public void Contrast_in_one_channel_is_enough()
    {
        var image = Paint((_, _) => 50);
        for (var i = 2; i < image.Pixels.Length / 2; i += 3)
        {
            image.Pixels[i] = 52;
        }

        Assert.Null(OutputGuard.Check(image));
    }

    private static RgbImage Paint(Func<int, int, byte> level) =>
        new(Side, Side, [.. from y in Enumerable.Range(0, Side) from x in Enumerable.Range(0, Side) from channel in Enumerable.Range(0, 3) select level(x, y)]);
}
