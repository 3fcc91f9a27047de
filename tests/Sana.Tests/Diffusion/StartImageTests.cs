using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Xunit;

namespace Sana.Tests.Diffusion;

/// <summary>What a start image asks for: strength, size and mask.</summary>
public sealed class StartImageTests
{
    private static readonly CheckpointFacts _plain = new("plain", new string('f', 64), SolverKind.FlowDpm, 3, 0.5f, SampleSize: 32, Compression: 32, GuidanceScale: 0.1f);
    private static readonly CheckpointFacts _tiny = _plain with { SampleSize = 8 };
    private static readonly CheckpointFacts _sprint = _plain with { Solver = SolverKind.Scm };

    [Theory]
    [InlineData(6, 0.6, 2)]
    [InlineData(5, 0.4, 3)]
    [InlineData(5, 0.6, 2)]
    [InlineData(10, 0.7, 3)]
    [InlineData(4, 0.25, 3)]
    [InlineData(2, 0.51, 0)]
    [InlineData(3, 0.01, 2)]
    [InlineData(20, 1, 0)]
    public void Strength_says_how_many_steps_are_left_out(int steps, double strength, int first) => Assert.Equal(first, new StartImage("", 1, 1) { Strength = strength }.FirstStep(steps));

    [Theory]
    [InlineData(0, "above 0 and up to 1")]
    [InlineData(-0.5, "above 0 and up to 1")]
    [InlineData(1.01, "above 0 and up to 1")]
    [InlineData(double.NaN, "above 0 and up to 1")]
    [InlineData(1e-17, "leaves none of 20 steps")]
    public void A_strength_that_cannot_be_is_refused(double strength, string why)
    {
        var options = new GenerateOptions { StartImage = new StartImage("", 64, 64) { Strength = strength } };

        Assert.Contains(why, Assert.Throws<InferenceException>(() => options.Resolve(_plain)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Defaults_depend_on_the_mask_and_on_the_checkpoint()
    {
        var start = new StartImage("a", 64, 64);

        Assert.Equal((0.6, 20), Of(start, _plain));
        Assert.Equal((1, 20), Of(start with { MaskSha256 = "b" }, _plain));
        Assert.Equal((0.6, 4), Of(start, _sprint));

        static (double?, int?) Of(StartImage start, CheckpointFacts facts) => new GenerateOptions { StartImage = start }.Resolve(facts) is var resolved ? (resolved.StartImage!.Strength, resolved.Steps) : default;
    }

    [Theory]
    [InlineData(4000, 3100, null, null, 1152, 896)] // the nearest trained one
    [InlineData(640, 1280, null, null, 704, 1408)]
    [InlineData(4000, 3000, 640, null, 640, 480)]
    [InlineData(4000, 3000, null, 480, 640, 480)]
    [InlineData(4000, 3000, 96, 64, 96, 64)]
    [InlineData(0, 0, null, null, 1024, 1024)]
    public void The_size_is_near_the_pictures_own(int width, int height, int? askedWidth, int? askedHeight, int expectedWidth, int expectedHeight)
    {
        var resolved = new GenerateOptions { Width = askedWidth, Height = askedHeight, StartImage = new StartImage("", width, height) }.Resolve(_plain);

        Assert.Equal((expectedWidth, expectedHeight), (resolved.Width, resolved.Height));
    }

    [Theory]
    [InlineData(100, 70, 96, 64)]
    [InlineData(10, 10, 32, 32)]
    [InlineData(4000, 1000, 512, 128)] // no more pixels than the checkpoint's own 256 × 256
    public void Without_trained_sizes_it_is_on_whole_cells(int width, int height, int expectedWidth, int expectedHeight)
    {
        var resolved = new GenerateOptions { StartImage = new StartImage("", width, height) }.Resolve(_tiny);

        Assert.Equal((expectedWidth, expectedHeight), (resolved.Width, resolved.Height));
    }

    [Fact]
    public void A_mask_that_does_not_fit_is_refused()
    {
        var image = new RgbImage(4, 3, new byte[36]);

        Assert.Contains("Mask has 3×4 pixels and the image 4×3", Fault(image, new PaintMask(3, 4, [255, .. new byte[11]])), StringComparison.Ordinal);
        Assert.Contains("Mask paints nothing", Fault(image, new PaintMask(4, 3, [127, .. new byte[11]])), StringComparison.Ordinal);
        Assert.Contains("needs 12 bytes and has 11", Fault(image, new PaintMask(4, 3, new byte[11])), StringComparison.Ordinal);
        Assert.Contains("needs 36 bytes and has 35", Fault(new RgbImage(4, 3, new byte[35]), null), StringComparison.Ordinal);

        static string Fault(RgbImage image, PaintMask? mask) => Assert.Throws<InferenceException>(() => new StartPixels(image, mask)).Message;
    }

    [Fact]
    public void A_cell_is_painted_if_any_of_its_pixels_is()
    {
        var levels = new byte[64 * 96];
        (levels[(31 * 96) + 32], levels[(63 * 96) + 95]) = (128, 255);
        var mask = new PaintMask(96, 64, levels);

        Assert.Equal([false, true, false, false, false, true], mask.At(2, 3));
        Assert.Equal(2, mask.At(64, 96).Count(painted => painted));
        Assert.Equal(8, mask.At(128, 192).Count(painted => painted));
        Assert.Equal([true], mask.At(1, 1));
        Assert.Equal(2, mask.At(17, 29).Count(painted => painted)); // a size that divides nothing loses neither
    }

    [Fact]
    public void Equal_pixels_are_equal_start_images_and_other_masks_are_not()
    {
        var image = new RgbImage(2, 1, [1, 2, 3, 4, 5, 6]);
        var (one, other) = (StartImage.Of(new StartPixels(image), 0.5), StartImage.Of(new StartPixels(image with { Pixels = [.. image.Pixels] }), 0.5));

        Assert.Equal(one, other);
        Assert.Equal(one.GetHashCode(), other.GetHashCode());
        Assert.NotEqual(one, one with { Strength = 0.6 });
        Assert.NotEqual(one, StartImage.Of(new StartPixels(image, new PaintMask(2, 1, [255, 0])), 0.5));
    }
}
