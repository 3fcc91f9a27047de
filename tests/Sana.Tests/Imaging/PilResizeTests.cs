using System.Security.Cryptography;
using Sana.Inference.Imaging;
using Xunit;

namespace Sana.Tests.Imaging;

/// <summary>Held to what Pillow 9.4 made of the same pixels: the first digits of SHA-256 over its bytes.</summary>
public sealed class PilResizeTests
{
    [Theory]
    [InlineData(100, 75, 32, 32, 2, "67ba11bcfb08d1ed")]
    [InlineData(100, 75, 32, 32, 3, "4753e3361420a1b4")]
    [InlineData(17, 40, 32, 32, 2, "a511f02df27cbca9")]
    [InlineData(17, 40, 32, 32, 3, "8d569b663654c610")]
    [InlineData(64, 64, 24, 64, 2, "6677cd0f7be05eff")]
    [InlineData(64, 64, 24, 64, 3, "ddc5e0276a020058")]
    [InlineData(64, 64, 64, 24, 2, "edd2934e0dfe5bb2")]
    [InlineData(64, 64, 64, 24, 3, "e3c5d9ba3650789c")]
    [InlineData(3, 2, 50, 41, 2, "af827267c0344128")]
    [InlineData(3, 2, 50, 41, 3, "b9f30c3b3895e59f")]
    [InlineData(333, 50, 7, 9, 2, "2f006594cf8fda88")]
    [InlineData(333, 50, 7, 9, 3, "374f7c66a4d4e3cf")]
    [InlineData(1, 1, 8, 8, 2, "e7d063da3ba19545")]
    public void Every_byte_is_the_reference_s(int width, int height, int toWidth, int toHeight, int filter, string expected)
    {
        var resized = PilResize.Resize(Pattern(width, height), toWidth, toHeight, (PilFilter)filter);

        Assert.Equal((toWidth, toHeight), (resized.Width, resized.Height));
        Assert.Equal(expected, Convert.ToHexStringLower(SHA256.HashData(resized.Pixels))[..16]);
    }

    [Fact]
    public void An_image_of_that_size_is_left_alone()
    {
        var image = Pattern(5, 4);

        Assert.Same(image, PilResize.Resize(image, 5, 4, PilFilter.Bicubic));
    }

    private static RgbImage Pattern(int width, int height)
    {
        var pixels = new byte[3 * width * height];
        for (var i = 0; i < pixels.Length; i++)
        {
            var (y, x, c) = (i / 3 / width, i / 3 % width, i % 3);
            pixels[i] = (byte)((x * x * 3) + (y * y * 5) + (x * y * 7) + (c * 101) + ((x ^ y) * 11));
        }

        return new RgbImage(width, height, pixels);
    }
}
