using Sana.Curation.Report;
using Sana.Inference.Imaging;
using Xunit;

namespace Sana.Tests.Report;

public sealed class ThumbnailTests
{
    [Theory]
    [InlineData(640, 480, 320, 240)]
    [InlineData(300, 900, 107, 320)]
    [InlineData(50, 40, 50, 40)]
    public void The_longest_side_fits_and_small_images_stay(int width, int height, int smallWidth, int smallHeight)
    {
        var small = Thumbnail.Make(Draw(width, height, ImageFormat.Png), 320, 72)!;

        Assert.Equal((smallWidth, smallHeight), (small.Width, small.Height));
        Assert.Equal([0xFF, 0xD8, 0xFF], small.Jpeg[..3]);
    }

    [Fact]
    public void The_same_file_gives_the_same_bytes()
    {
        var file = Draw(640, 480, ImageFormat.Jpeg);

        Assert.Equal(Thumbnail.Make(file, 320, 72)!.Jpeg, Thumbnail.Make(file, 320, 72)!.Jpeg);
    }

    [Fact]
    public void What_ingest_does_not_write_is_not_decoded()
    {
        Assert.Null(Thumbnail.Make([], 320, 72));
        Assert.Null(Thumbnail.Make(Draw(64, 64, ImageFormat.Webp), 320, 72));
        Assert.Null(Thumbnail.Make("<svg xmlns='http://www.w3.org/2000/svg'/>"u8.ToArray(), 320, 72));
    }

    [Fact]
    public void A_broken_file_is_no_picture()
    {
        var file = Draw(640, 480, ImageFormat.Png);

        Assert.Null(Thumbnail.Make(file[..(file.Length / 2)], 320, 72));
        Assert.Null(Thumbnail.Make([0xFF, 0xD8, 0xFF, 0xE0, 0, 16], 320, 72));
    }

    private static byte[] Draw(int width, int height, ImageFormat format)
    {
        var pixels = new byte[3 * width * height];
        new Random(1).NextBytes(pixels);
        return ImageCodec.Encode(new RgbImage(width, height, pixels), format);
    }
}
