using Sana.Inference.Imaging;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Imaging;

public sealed class PixelsTests
{
    [Fact]
    public void Planes_become_interleaved_pixels()
    {
        var image = Pixels.FromDecoded([-1, 1, 0.6f, -0.6f, 1, -1], height: 1, width: 2, targetHeight: 1, targetWidth: 2);

        Assert.Equal((2, 1), (image.Width, image.Height));
        Assert.Equal([0, 204, 255, 255, 51, 0], image.Pixels);
    }

    [Theory]
    [InlineData(-1.7f, 0)]
    [InlineData(1.7f, 255)]
    [InlineData(float.PositiveInfinity, 255)]
    [InlineData(float.NegativeInfinity, 0)]
    [InlineData(0f, 128)] // 127.5 is halfway and goes to the even neighbour
    public void Values_are_cut_and_halves_go_to_even(float value, byte level)
    {
        var image = Pixels.FromDecoded([value, value, value], 1, 1, 1, 1);

        Assert.Equal([level, level, level], image.Pixels);
    }

    [Fact]
    public void Every_level_survives_the_way_there_and_back()
    {
        var image = new RgbImage(16, 16, [.. Enumerable.Range(0, 256).SelectMany(level => new[] { (byte)level, (byte)(255 - level), (byte)(level ^ 0x55) })]);
        var planes = new float[3 * 256];

        Pixels.ToPlanes(image, planes);

        Close.To([-1, 1, (0x55 / 127.5f) - 1], [planes[0], planes[256], planes[512]], 1e-7);
        Assert.Equal(image.Pixels, Pixels.FromDecoded(planes, 16, 16, 16, 16).Pixels);
    }

    [Fact]
    public void Vectors_and_tails_round_alike()
    {
        var planes = Enumerable.Repeat(0.1234f, 3 * 61).ToArray();

        _ = Assert.Single(Pixels.FromDecoded(planes, 1, 61, 1, 61).Pixels.Distinct());
    }

    [Fact]
    public void Resizing_comes_before_cutting()
    {
        // Between −3 and 1 a quarter of the way is −2, black; cut first, it would be −0.5, level 64.
        float[] plane = [-3, 1];

        var image = Pixels.FromDecoded([.. plane, .. plane, .. plane], height: 1, width: 2, targetHeight: 2, targetWidth: 4);

        Assert.Equal([0, 0, 128, 255], image.Pixels.Where((_, i) => i % 3 == 0).Take(4));
    }
}
