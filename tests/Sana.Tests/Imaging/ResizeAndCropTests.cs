using CsCheck;
using Sana.Inference.Imaging;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Imaging;

public sealed class ResizeAndCropTests
{
    [Fact]
    public void Doubling_a_row_samples_at_half_pixel_centres()
    {
        Close.To([0, 0.25f, 0.75f, 1, 0, 0.25f, 0.75f, 1], Resize([0, 1, 0, 1], (2, 2), (2, 4)), 1e-7);
    }

    [Fact]
    public void Shrinking_does_not_blur()
    {
        // A fourth of the size: position 4·(i + 0.5) − 0.5 lies between pixels 1 and 2 of each four; an antialiased resize would see all four.
        var row = new float[] { 9, 1, 3, 9, 9, 5, 7, 9 };

        Close.To([2, 6], Resize([.. row, .. row, .. row, .. row], (4, 8), (1, 2)), 1e-7);
    }

    [Fact]
    public void Crop_takes_the_centre_and_the_upper_left_when_odd()
    {
        // 2×7 to 2×4: nothing to resize, three columns too many, one goes on the left.
        Close.To([1, 2, 3, 4, 1, 2, 3, 4], Resize([0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6], (2, 7), (2, 4)), 0);
    }

    [Fact]
    public void Truncation_does_not_lose_a_column()
    {
        // 736 · (416 / 736) is 415.99… in double.
        var resized = Resize(Enumerable.Repeat(0.5f, 352 * 736).ToArray(), (352, 736), (192, 416));

        Assert.Equal(192 * 416, resized.Length);
        Assert.All(resized, value => Assert.Equal(0.5f, value, 1e-6f));
    }

    [Fact]
    public void Rows_are_those_of_the_definition_in_double() =>
        Gen.Select(Gen.Int[1, 20], Gen.Int[1, 20], Gen.Int[1, 30], Gen.Int[1, 30]).SelectMany(sizes =>
            Gen.Float[-1f, 1f].Array[sizes.Item1 * sizes.Item2].Select(plane => (From: (sizes.Item1, sizes.Item2), To: (sizes.Item3, sizes.Item4), Plane: plane)))
        .Sample(sample =>
        {
            var actual = Resize(sample.Plane, sample.From, sample.To);

            var expected = Definition(sample.Plane, sample.From, sample.To);
            Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 2e-5));
        });

    private static float[] Resize(float[] plane, (int Height, int Width) source, (int Height, int Width) to)
    {
        var resize = new ResizeAndCrop(source.Height, source.Width, to.Height, to.Width);
        var result = new float[to.Height * to.Width];
        for (var y = 0; y < to.Height; y++)
        {
            resize.Row(plane, y, result.AsSpan(y * to.Width, to.Width));
        }

        return result;
    }

    private static IEnumerable<double> Definition(float[] plane, (int Height, int Width) source, (int Height, int Width) to)
    {
        var scale = Math.Max((double)to.Height / source.Height, (double)to.Width / source.Width);
        var (height, width) = (Math.Max(to.Height, (int)(source.Height * scale)), Math.Max(to.Width, (int)(source.Width * scale)));
        return from y in Enumerable.Range((height - to.Height) / 2, to.Height)
               from x in Enumerable.Range((width - to.Width) / 2, to.Width)
               select At(((y + 0.5) * source.Height / height) - 0.5, ((x + 0.5) * source.Width / width) - 0.5);

        double At(double y, double x)
        {
            var (top, left) = (Math.Floor(y), Math.Floor(x));
            var upper = Mix(Pixel(top, left), Pixel(top, left + 1), x - left);
            var lower = Mix(Pixel(top + 1, left), Pixel(top + 1, left + 1), x - left);
            return Mix(upper, lower, y - top);
        }

        double Pixel(double y, double x) => plane[((int)Math.Clamp(y, 0, source.Height - 1) * source.Width) + (int)Math.Clamp(x, 0, source.Width - 1)];

        static double Mix(double first, double second, double weight) => (first * (1 - weight)) + (second * weight);
    }
}
