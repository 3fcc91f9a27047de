using System.Security.Cryptography;
using Sana.GraphBuilder.Configs;
using Sana.Inference.Clip;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Parity;

/// <summary>From an image file to the image tower's input, bit for bit where the decoder has no say.</summary>
[Trait("Category", "Parity")]
public sealed class ClipPreprocessParityTests
{
    // README: PIL's integer resize is reproduced exactly; this is for the float steps after it.
    private const double FloatSteps = 1e-6;

    private readonly ClipPreprocess _preprocess = Preprocess();

    public static TheoryData<int> All => [.. ClipReference.Places];

    public static TheoryData<int> Exact => [.. ClipReference.Places.Where(image => !ClipReference.IsJpeg(image))];

    public static TheoryData<int> Jpegs => [.. ClipReference.Places.Where(ClipReference.IsJpeg)];

    [Theory, MemberData(nameof(All))]
    public void Size_and_crop_are_the_references(int image)
    {
        var (expected, pixels) = (ClipReference.Images[image], ClipReference.Decode(image));

        var (width, height, left, top) = _preprocess.Layout(pixels.Width, pixels.Height);

        Assert.Equal(expected.GetProperty("rgb_shape").EnumerateArray().Select(side => side.GetInt32()), [pixels.Height, pixels.Width, 3]);
        Assert.Equal(expected.GetProperty("resized_width_height").EnumerateArray().Select(side => side.GetInt64()), [width, height]);
        Assert.Equal(expected.GetProperty("crop_left_top").EnumerateArray().Select(side => side.GetInt64()), [left, top]);
    }

    [Theory, MemberData(nameof(Exact))]
    public void Pixels_are_the_references_bit_for_bit(int image)
    {
        var pixels = ClipReference.Decode(image);
        Assert.Equal(ClipReference.Images[image].GetProperty("rgb_sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(pixels.Pixels)));

        foreach (var vectors in new[] { true, false })
        {
            var cut = new byte[_preprocess.Length + 1];
            _preprocess.Cut(pixels, cut, vectors);
            Assert.Equal(ClipReference.Row("pixels_u8", image), Array.ConvertAll(cut[..^1], level => (float)level));
        }

        Within(FloatSteps, ClipReference.Row("pixel_values", image), Values(image));
    }

    // A JPEG decoder may round each sample differently by one level. Weights of a bicubic resize add up to at most 1.3 in either direction without their signs, so a level comes out
    // wrong by 1.3² and the rounding of two passes, less than 3 levels in all.
    [Theory, MemberData(nameof(Jpegs))]
    public void Pixels_of_a_jpeg_are_the_references_but_for_its_decoder(int image)
    {
        var level = 1 / 255.0 / ImageConfig().ImageStd.Min();

        Within(3 * level, ClipReference.Row("pixel_values", image), Values(image));
    }

    private float[] Values(int image)
    {
        var values = new float[_preprocess.Length];
        _preprocess.Write(ClipReference.Decode(image), values);
        return values;
    }

    private static void Within(double tolerance, float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.InRange(pair.Second, pair.First - tolerance, pair.First + tolerance));
    }

    private static ClipImageConfig ImageConfig() =>
        ClipImageConfig.Load(Path.Combine(Fixtures.Clip, "checkpoint", "preprocessor_config.json"), ClipReference.Json.GetProperty("image_size").GetInt32());

    private static ClipPreprocess Preprocess()
    {
        var config = ImageConfig();
        return new ClipPreprocess(config.ShortestEdge, config.CropSize, config.RescaleFactor, config.ImageMean, config.ImageStd);
    }
}
