using CsCheck;
using Sana.Inference.Clip;
using Sana.Inference.Imaging;
using Xunit;

namespace Sana.Tests.Clip;

public sealed class ClipPreprocessTests
{
    private const int Side = 13;
    private static readonly ClipPreprocess _preprocess = new(Side, Side, 1d / 255, [0.5, 0.5, 0.5], [0.5, 0.25, 0.5]);

    [Fact]
    public void Vectors_and_plain_code_give_the_same_bits_for_any_size() =>
        Gen.Select(Gen.Int[1, 90], Gen.Int[1, 90], Gen.Int[0, 1000]).Sample((width, height, seed) =>
        {
            var image = Noise(width, height, seed);

            Assert.Equal(Cut(_preprocess, image, vectors: false), Cut(_preprocess, image, vectors: true));
        });

    // Ringing goes out of 0…255 on both sides.
    [Fact]
    public void Black_and_white_stay_in_range()
    {
        var image = new RgbImage(40, 30, [.. Enumerable.Range(0, 40 * 30 * 3).Select(i => (byte)(i / 3 % 40 < 17 ? 255 : 0))]);

        var cut = Cut(_preprocess, image, vectors: true);

        Assert.Equal(Cut(_preprocess, image, vectors: false), cut);
        Assert.Equal((0, 255), (cut.Min(), cut.Max()));
    }

    [Theory]
    [InlineData(20, 60, true)]
    [InlineData(20, 41, true)]
    [InlineData(20, 39, false)]
    [InlineData(60, 20, false)]
    [InlineData(8, 40, false)] // both sides grow
    public void Tall_images_lose_their_height_first(int width, int height, bool first)
    {
        var image = Noise(width, height, seed: 3);
        var (resizedWidth, resizedHeight, left, top) = _preprocess.Layout(width, height);
        var columns = new ResampleWeights(width, resizedWidth, left, Side, PilFilter.Bicubic);
        var rows = new ResampleWeights(height, resizedHeight, top, Side, PilFilter.Bicubic);
        byte[] between, expected = new byte[_preprocess.Length + 1];
        if (first)
        {
            between = new byte[3 * width * Side];
            ResamplePasses.Vertical(image.Pixels, 3 * width, rows, 0, 3 * width, between, vectors: false);
            ResamplePasses.Horizontal(between, 3 * width, Side, columns, 0, expected, vectors: false);
        }
        else
        {
            between = new byte[(3 * Side * height) + 1];
            ResamplePasses.Horizontal(image.Pixels, 3 * width, height, columns, 0, between, vectors: false);
            ResamplePasses.Vertical(between, 3 * Side, rows, 0, 3 * Side, expected, vectors: false);
        }

        Assert.Equal(expected[..^1], Cut(_preprocess, image, vectors: true));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 100_000)]
    [InlineData(100_000, 1)]
    public void Extreme_shapes_are_cut_without_making_the_whole(int width, int height)
    {
        var image = new RgbImage(width, height, [.. Enumerable.Repeat((byte)200, 3 * width * height)]);

        Assert.All(Cut(_preprocess, image, vectors: true), level => Assert.Equal(200, level));
    }

    [Fact]
    public void A_crop_smaller_than_the_edge_takes_the_middle()
    {
        var preprocess = new ClipPreprocess(Side + 5, Side, 1d / 255, [0, 0, 0], [1, 1, 1]);

        Assert.Equal((18, 27, 2, 7), preprocess.Layout(20, 30));
    }

    [Fact]
    public void Levels_are_rescaled_and_normalised_by_channel()
    {
        var planes = new float[_preprocess.Length];
        _preprocess.Write(new RgbImage(1, 1, [255, 0, 51]), planes);

        Assert.Equal([1f, -2f, -0.6f], [planes[0], planes[Side * Side], planes[^1]], (a, b) => Math.Abs(a - b) < 1e-6);
    }

    private static byte[] Cut(ClipPreprocess preprocess, RgbImage image, bool vectors)
    {
        var cut = new byte[preprocess.Length + 1];
        preprocess.Cut(image, cut, vectors);
        return cut[..^1];
    }

    private static RgbImage Noise(int width, int height, int seed)
    {
        var pixels = new byte[3 * width * height];
        new Random(seed).NextBytes(pixels);
        return new RgbImage(width, height, pixels);
    }
}
