using System.Security.Cryptography;
using Sana.Inference.Imaging;
using Xunit;

namespace Sana.Tests.Imaging;

/// <summary>Held to what Pillow 9.4 made of the same pixels: the first digits of SHA-256 over its bytes. (17×40 in two calls, rows first, as it does since 13.)</summary>
public sealed class PilResizeTests
{
    [Theory]
    [InlineData(100, 75, 32, 32, 1, "d49a23fa2e43f4d7")]
    [InlineData(100, 75, 32, 32, 2, "67ba11bcfb08d1ed")]
    [InlineData(100, 75, 32, 32, 3, "4753e3361420a1b4")]
    [InlineData(17, 40, 32, 32, 1, "892378c44c928f9c")]
    [InlineData(17, 40, 32, 32, 2, "c5142286e9a4b680")]
    [InlineData(17, 40, 32, 32, 3, "9f233ff0f6e10df5")]
    [InlineData(64, 64, 24, 64, 1, "2f098b37f0da70d0")]
    [InlineData(64, 64, 24, 64, 2, "6677cd0f7be05eff")]
    [InlineData(64, 64, 24, 64, 3, "ddc5e0276a020058")]
    [InlineData(64, 64, 64, 24, 1, "270ab891beaa7f29")]
    [InlineData(64, 64, 64, 24, 2, "edd2934e0dfe5bb2")]
    [InlineData(64, 64, 64, 24, 3, "e3c5d9ba3650789c")]
    [InlineData(3, 2, 50, 41, 1, "6aaa760eecacdd92")]
    [InlineData(3, 2, 50, 41, 2, "af827267c0344128")]
    [InlineData(3, 2, 50, 41, 3, "b9f30c3b3895e59f")]
    [InlineData(333, 50, 7, 9, 1, "2e6aac9b448ca49a")]
    [InlineData(333, 50, 7, 9, 2, "2f006594cf8fda88")]
    [InlineData(333, 50, 7, 9, 3, "374f7c66a4d4e3cf")]
    [InlineData(1, 1, 8, 8, 2, "e7d063da3ba19545")]
    public void Every_byte_is_the_reference_s(int width, int height, int toWidth, int toHeight, int filter, string expected)
    {
        foreach (var vectors in new[] { true, false })
        {
            var resized = new byte[(3 * toWidth * toHeight) + 1];
            PilResize.Cut(Pattern(width, height), (toWidth, toHeight), (0, 0), (toWidth, toHeight), (PilFilter)filter, resized, vectors);

            Assert.Equal(expected, Convert.ToHexStringLower(SHA256.HashData(resized.AsSpan(0, resized.Length - 1)))[..16]);
        }
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
