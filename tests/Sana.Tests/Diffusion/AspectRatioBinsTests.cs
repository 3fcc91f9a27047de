using Sana.Inference.Diffusion;
using Xunit;

namespace Sana.Tests.Diffusion;

public sealed class AspectRatioBinsTests
{
    [Theory]
    [InlineData(32, 1024, 1024, 1024, 1024)]
    [InlineData(32, 720, 1280, 768, 1344)]
    [InlineData(16, 720, 1280, 384, 672)]
    [InlineData(64, 720, 1280, 1536, 2688)]
    [InlineData(128, 720, 1280, 3072, 5376)]
    [InlineData(16, 480, 736, 416, 608)]
    [InlineData(16, 352, 736, 352, 736)]
    [InlineData(32, 32, 8192, 512, 2048)]
    [InlineData(32, 8192, 32, 2048, 512)]
    [InlineData(32, 3616, 1000, 2048, 512)]
    [InlineData(64, 3616, 1000, 3712, 1024)]
    public void Nearest_key_decides(int sampleSize, int height, int width, int expectedHeight, int expectedWidth)
    {
        var bins = AspectRatioBins.For(sampleSize)!;

        Assert.Equal((expectedHeight, expectedWidth), bins.Nearest(height, width));
    }

    [Fact]
    public void Lower_ratio_wins_a_tie()
    {
        // 1.875 is exactly 0.125 from 1.75 and from 2, in binary too.
        Assert.Equal((1344, 768), AspectRatioBins.For(32)!.Nearest(15 * 32, 8 * 32));
    }

    [Theory]
    [InlineData(16)]
    [InlineData(32)]
    [InlineData(64)]
    [InlineData(128)]
    public void Every_size_is_a_multiple_of_32_and_finds_itself_or_a_near_neighbour(int sampleSize)
    {
        var bins = AspectRatioBins.For(sampleSize)!;
        var sizes = Enumerable.Range(1, 4 * sampleSize).Select(height => bins.Nearest(height, sampleSize)).Distinct().ToArray();

        Assert.All(sizes, size => Assert.Equal((0, 0), (size.Height % 32, size.Width % 32)));
        Assert.All(sizes, size => Assert.InRange((double)size.Height * size.Width / (32 * 32 * sampleSize * sampleSize), 0.8, 1.05));
        Assert.All(sizes, size =>
        {
            var (height, width) = bins.Nearest(size.Height, size.Width);
            Assert.InRange((double)height / width / ((double)size.Height / size.Width), 0.96, 1.04);
        });
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    [InlineData(33)]
    public void Other_native_sizes_have_no_table(int sampleSize) => Assert.Null(AspectRatioBins.For(sampleSize));
}
