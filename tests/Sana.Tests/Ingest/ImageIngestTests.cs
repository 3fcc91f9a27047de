using System.Numerics;
using NetVips;
using Sana.Curation;
using Sana.Curation.Ingest;
using Sana.Inference.Imaging;
using Sana.Tests.Ingest.Hostile;
using Xunit;

namespace Sana.Tests.Ingest;

/// <summary>What the normalised file holds, pixel by pixel where the way there is exact.</summary>
public sealed class ImageIngestTests
{
    private static readonly IngestOptions _exact = new() { Output = ImageFormat.Png, Deadline = TimeSpan.FromMinutes(2) };

    // Upper left, upper right, lower left, lower right of an upright image, for each orientation of the stored one: EXIF 2.3, 4.6.4 A.
    [Theory]
    [InlineData(1, 0, 1, 2, 3)]
    [InlineData(2, 1, 0, 3, 2)]
    [InlineData(3, 3, 2, 1, 0)]
    [InlineData(4, 2, 3, 0, 1)]
    [InlineData(5, 0, 2, 1, 3)]
    [InlineData(6, 2, 0, 3, 1)]
    [InlineData(7, 3, 1, 2, 0)]
    [InlineData(8, 1, 3, 0, 2)]
    public void Orientation_is_applied_to_every_corner(byte orientation, params int[] corners)
    {
        var turned = PngBytes.Insert(Pictures.CornerPng, PngBytes.Chunk("eXIf", JpegBytes.Exif(orientation)));

        var (image, pixels) = Kept(turned);

        var isLying = orientation > 4;
        Assert.Equal(isLying ? (Pictures.Height, Pictures.Width) : (Pictures.Width, Pictures.Height), (image.Width, image.Height));
        Assert.Equal((Pictures.Width, Pictures.Height), (image.OriginalWidth, image.OriginalHeight));
        var (right, bottom) = (image.Width - 1, image.Height - 1);
        Assert.Equal(corners.Select(corner => Pictures.Corners[corner]), [Level(pixels, 0, 0), Level(pixels, right, 0), Level(pixels, 0, bottom), Level(pixels, right, bottom)]);
    }

    [Theory]
    [InlineData(ImageFormat.Png)]
    [InlineData(ImageFormat.Jpeg)]
    public void No_metadata_travels_on(ImageFormat output)
    {
        var labelled = JpegBytes.Insert(Pictures.CornerJpeg, JpegBytes.Orientation(6), JpegBytes.Profile(IccBytes.AdobeRgb), JpegBytes.Segment(JpegBytes.Comment, "where I live"u8));

        var image = Ingest(labelled, _exact with { Output = output });

        using var written = Image.NewFromBuffer(image.File!);
        Assert.DoesNotContain(written.GetFields(), field => field.StartsWith("exif", StringComparison.Ordinal) || field is "orientation" or "icc-profile-data" or "xmp-data" or "jpeg-comment" or "png-comment");
        Assert.Equal((3, Enums.BandFormat.Uchar), (written.Bands, written.Format));
    }

    [Fact]
    public void Faults_of_metadata_cost_no_pixel()
    {
        // A text without its end and tags out of order; a text chunk with a wrong checksum; bytes between segments.
        var tags = new[] { TiffBytes.Entry(305, 0x20202020, type: 2, count: 4) }.Concat(TiffBytes.Grey(4, 4, TiffBytes.HeadBytes(10), 16).Reverse()).ToArray();
        var tiff = Ingest(TiffBytes.File(tags, 0, [.. Enumerable.Repeat((byte)128, 16)]), _exact);
        var chunk = PngBytes.Chunk("tIME", [1, 2, 3, 4, 5, 6, 7]);
        chunk[^1] ^= 1;
        var png = Ingest(PngBytes.Insert(Pictures.Png, chunk), _exact);
        var jpeg = Ingest([.. Pictures.Jpeg[..2], .. JpegBytes.Segment(JpegBytes.Comment, "x"u8), 1, 2, 3, .. Pictures.Jpeg[2..]], _exact);

        Assert.Equal((null, null), (tiff.Reason, png.Reason));
        Assert.Equal(Ingest(Pictures.Png, _exact).File, png.File);
        Assert.Equal((null, Ingest(Pictures.Jpeg, _exact).Phash), (jpeg.Reason, jpeg.Phash));
    }

    [Fact]
    public void A_jpeg_that_lacks_only_its_end_mark_is_kept()
    {
        var (whole, cut) = (Ingest(Pictures.Jpeg, _exact), Ingest(Pictures.Jpeg[..^2], _exact));

        Assert.Equal(whole.File, cut.File);
        Assert.Equal([IngestNotes.EndMarkMissing], cut.Notes);
    }

    [Fact]
    public void What_cannot_be_decoded_says_what_the_library_says()
    {
        var jpeg = Ingest(JpegBytes.Resized(Pictures.Jpeg, Pictures.Width, 4 * Pictures.Height), _exact);

        Assert.Equal(Reasons.DecodeError, jpeg.Reason);
        Assert.Contains("premature end", jpeg.Message, StringComparison.Ordinal);
        Assert.Equal(jpeg.Message, Ingest(JpegBytes.Resized(Pictures.Jpeg, Pictures.Width, 4 * Pictures.Height), _exact).Message);
    }

    [Fact]
    public void Avif_is_read_and_heic_and_bmp_name_the_way_out()
    {
        using var picture = Image.NewFromBuffer(Pictures.Png);
        Operation.Block("VipsForeignSaveHeif", false);
        var avif = Ingest(picture.HeifsaveBuffer(compression: Enums.ForeignHeifCompression.Av1, lossless: true), _exact);

        Assert.Equal((null, "avif", Pictures.Width), (avif.Reason, avif.Format, avif.Width));
        Assert.Contains("convert it", Ingest([0, 0, 0, 0x18, .. "ftypheic\0\0\0\0mif1heic"u8, .. new byte[64]], _exact).Message, StringComparison.Ordinal);
        Assert.Contains("convert it", Ingest([.. "BM"u8, 70, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, .. new byte[60]], _exact).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pointer_of_git_lfs_says_so() => Assert.Contains(
        "git lfs pull", Ingest("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"u8.ToArray(), _exact).Message,
            StringComparison.Ordinal);

    [Fact]
    public void A_good_png_keeps_every_pixel()
    {
        using var source = Image.NewFromBuffer(Pictures.Png);

        Assert.Equal(source.WriteToMemory<byte>(), Kept(Pictures.Png).Pixels.Pixels);
    }

    [Theory]
    [InlineData("16-bit.png", 0x12, 0x80, 0xFF)]
    [InlineData("16-bit.tif", 0x12, 0x80, 0xFF)]
    [InlineData("grey.png", 77, 77, 77)]
    [InlineData("grey-16-bit.png", 77, 77, 77)]
    [InlineData("grey-alpha.png", 255, 255, 255)]
    [InlineData("transparent.png", 255, 255, 255)]
    [InlineData("transparent.webp", 255, 255, 255)]
    [InlineData("transparent.tif", 255, 255, 255)]
    [InlineData("16-bit-alpha.png", 127, 127, 127)] // 0x8000 of 0xFFFF black over white
    [InlineData("palette.png", 255, 0, 0)]
    [InlineData("palette-transparent.png", 255, 255, 255)]
    [InlineData("colour-key.png", 255, 255, 255)]
    [InlineData("one-bit.png", 255, 255, 255)]
    public void Odd_pixels_become_eight_bits_in_three_bands(string name, params int[] first) =>
        Assert.Equal(first, Level(Kept(Hostile(name)).Pixels, 0, 0).Select(level => (int)level));

    [Fact]
    public void Transparency_shows_the_colour_that_is_asked_for()
    {
        var image = Ingest(Hostile("transparent.png"), _exact with { Background = "#10a0ff" });

        Assert.Equal([0x10, 0xA0, 0xFF], Level(ImageIngest.Decode(image.File!), 0, 0));
    }

    // Expected by the definitions of both spaces: gamma 563/256, the matrix to D50 that stands in the profile, sRGB's inverse matrix and curve.
    [Fact]
    public void Adobe_rgb_becomes_srgb_within_two_levels()
    {
        var (_, pixels) = Kept(Hostile("adobe-rgb.png"));

        foreach (var (x, y, corner) in new[] { (0, 0, 0), (Pictures.Width - 1, 0, 1), (0, Pictures.Height - 1, 2), (Pictures.Width - 1, Pictures.Height - 1, 3) })
            Assert.All(Level(pixels, x, y).Zip(AdobeToSrgb(Pictures.Corners[corner])), pair => Assert.InRange(pair.First - pair.Second, -2, 2));
    }

    [Theory]
    [InlineData("cmyk-with-profile.jpg")]
    [InlineData("cmyk-without-profile.jpg")]
    [InlineData("cmyk.tif")]
    public void Magenta_and_yellow_ink_are_red(string name)
    {
        var level = Level(Kept(Hostile(name)).Pixels, 16, 16);

        Assert.True(level[0] > 190 && level[1] < 110 && level[2] < 110, string.Join(' ', level));
    }

    [Fact]
    public void An_srgb_profile_changes_nothing_and_is_not_noted()
    {
        using var corners = Pictures.Quarters();
        using var tagged = corners.IccTransform("srgb", inputProfile: "srgb");
        var image = Ingest(tagged.PngsaveBuffer(keep: Enums.ForeignKeep.Icc), _exact);

        Assert.Empty(image.Notes);
        Assert.Equal(Pictures.Corners[0], Level(ImageIngest.Decode(image.File!), 0, 0));
    }

    [Fact]
    public void A_plain_gamma_is_not_taken_for_srgb()
    {
        var image = Ingest(PngBytes.Insert(Pictures.CornerPng, PngBytes.Chunk("iCCP", [.. "test\0\0"u8, .. PngBytes.Pack(IccBytes.PlainGamma)])), _exact);

        Assert.Equal([IngestNotes.IccConverted], image.Notes);
    }

    [Theory]
    [InlineData(ImageFormat.Png)]
    [InlineData(ImageFormat.Jpeg)]
    public void The_same_bytes_give_the_same_file(ImageFormat output)
    {
        var options = _exact with { Output = output };

        Assert.Equal(Ingest(Pictures.Jpeg, options).File, Ingest([.. Pictures.Jpeg], options).File);
    }

    [Theory]
    [InlineData(ImageFormat.Png)]
    [InlineData(ImageFormat.Jpeg)]
    public void Resolution_does_not_travel_on(ImageFormat output)
    {
        using var corners = Pictures.Quarters();
        using var fine = corners.Copy(xres: 11.8, yres: 11.8);
        var options = _exact with { Output = output };

        Assert.Equal(Ingest(Pictures.CornerPng, options).File, Ingest(fine.PngsaveBuffer(), options).File);
    }

    [Fact]
    public void A_written_jpeg_has_full_colour_and_looks_the_same()
    {
        var image = Ingest(Pictures.CornerPng, _exact with { Output = ImageFormat.Jpeg });

        using var written = Image.NewFromBuffer(image.File!);
        Assert.Equal("4:4:4", written.Get("jpeg-chroma-subsample"));
        Assert.All(Level(ImageIngest.Decode(image.File!), 3, 3).Zip(Pictures.Corners[0]), pair => Assert.InRange(pair.First - pair.Second, -3, 3));
    }

    [Fact]
    public void Bytes_are_named_by_their_hash_whatever_they_are()
    {
        Assert.Equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", Ingest([], _exact).Sha256);
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Pictures.Png)), Ingest(Pictures.Png, _exact).Sha256);
    }

    [Fact]
    public void An_image_that_is_saved_again_or_scaled_keeps_its_hash_nearly()
    {
        var hash = Ingest(Photo(300, 200, 90), _exact).Phash;

        Assert.InRange(BitOperations.PopCount(hash ^ Ingest(Photo(300, 200, 40), _exact).Phash), 0, 3);
        Assert.InRange(BitOperations.PopCount(hash ^ Ingest(Photo(150, 100, 90), _exact).Phash), 0, 3);
        Assert.InRange(BitOperations.PopCount(hash ^ Ingest(Pictures.Jpeg, _exact).Phash), 12, 64);
    }

    [Fact]
    public void A_turned_image_has_the_hash_of_the_upright_one()
    {
        var upright = Photo(320, 192, 90);
        using var stored = Image.NewFromBuffer(upright);
        using var turned = stored.Rot90();

        var image = Ingest(PngBytes.Insert(turned.PngsaveBuffer(), PngBytes.Chunk("eXIf", JpegBytes.Exif(8))), _exact);

        Assert.Equal(Ingest(upright, _exact).Phash, image.Phash);
    }

    [Theory]
    [InlineData("too_many_bytes", 100)]
    [InlineData(null, 1_000_000)]
    public void Bytes_have_a_limit(string? reason, long limit) => Assert.Equal(reason, Ingest(Pictures.Png, _exact with { MaxBytes = limit }).Reason);

    [Theory]
    [InlineData(Pictures.Width * Pictures.Height, Pictures.Width, null)]
    [InlineData((Pictures.Width * Pictures.Height) - 1, Pictures.Width, "too_many_pixels")]
    [InlineData(Pictures.Width * Pictures.Height, Pictures.Width - 1, "too_many_pixels")]
    public void Pixels_and_sides_have_limits(long pixels, int side, string? reason)
    {
        var image = Ingest(Pictures.Webp, _exact with { MaxPixels = pixels, MaxSide = side });

        Assert.Equal((reason, Pictures.Width, Pictures.Height), (image.Reason, image.OriginalWidth, image.OriginalHeight));
    }

    [Theory]
    [InlineData("animated.gif")]
    [InlineData("animated.webp")]
    [InlineData("animated.png")]
    [InlineData("pages.tif")]
    public void Frames_are_counted_and_may_be_refused(string name)
    {
        Assert.True(Ingest(Hostile(name), _exact).Frames > 1);
        Assert.Equal(Reasons.UnsupportedFormat, Ingest(Hostile(name), _exact with { RejectAnimated = true }).Reason);
    }

    [Fact]
    public void Time_is_up_when_the_deadline_is()
    {
        var image = Ingest(Hostile("3000-squared-flat.png"), _exact with { Deadline = TimeSpan.FromMilliseconds(10) });

        Assert.Equal((Reasons.DecodeTimeout, null), (image.Reason, image.File));
    }

    [Fact]
    public void A_cancelled_run_is_no_reason_of_an_image()
    {
        using var run = new CancellationTokenSource();
        run.Cancel();

        Assert.Throws<OperationCanceledException>(() => new ImageIngest(_exact).Ingest(Pictures.Png, "a.png", run.Token));
    }

    [Fact]
    public void A_damaged_normalised_file_is_said_to_be_so() =>
        Assert.Contains("damaged", Assert.Throws<CurationException>(() => ImageIngest.Decode(Pictures.Jpeg[..500])).Message, StringComparison.Ordinal);

    private static byte[] Hostile(string name) => HostileImages.All.Single(file => file.Name == name).Bytes;

    private static IngestedImage Ingest(byte[] bytes, IngestOptions options) => new ImageIngest(options).Ingest(bytes, "", CancellationToken.None);

    private static (IngestedImage Image, RgbImage Pixels) Kept(byte[] bytes)
    {
        var image = Ingest(bytes, _exact);
        Assert.Null(image.Reason);
        return (image, ImageIngest.Decode(image.File!));
    }

    private static byte[] Level(RgbImage image, int x, int y) => image.Pixels[(3 * ((y * image.Width) + x))..][..3];

    // Waves of many lengths, the long ones strong: the spectrum of a photo.
    private static byte[] Photo(int width, int height, int quality)
    {
        var random = new Random(5);
        (double U, double V, double Phase, double Strength)[] waves =
            [.. Enumerable.Range(0, 80).Select(_ => (U: random.Next(-9, 10) / 2.0, V: random.Next(10) / 2.0)).Select(wave => (wave.U, wave.V, 7 * random.NextDouble(), 60 / (1 + Math.Abs(wave.U) + wave.V)))];
        byte[] levels = [.. from y in Enumerable.Range(0, height) from x in Enumerable.Range(0, width)
                            let light = 128 + waves.Sum(wave => wave.Strength * Math.Sin((6.283 * ((wave.U * (x + 0.5) / width) + (wave.V * (y + 0.5) / height))) + wave.Phase))
                            from band in Enumerable.Range(0, 3) select (byte)Math.Clamp(light + (10 * band), 0, 255)];
        using var raw = Image.NewFromMemory(levels, width, height, 3, Enums.BandFormat.Uchar);
        using var image = raw.Copy(interpretation: Enums.Interpretation.Srgb);
        return image.JpegsaveBuffer(q: quality);
    }

    private static IEnumerable<int> AdobeToSrgb(byte[] colour)
    {
        var linear = colour.Select(level => Math.Pow(level / 255.0, 563 / 256.0)).ToArray();
        double[][] toD50 = [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]];
        double[][] toSrgb = [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]];
        var xyz = toD50.Select(row => row.Zip(linear, (a, b) => a * b).Sum()).ToArray();
        return toSrgb.Select(row => Math.Clamp(row.Zip(xyz, (a, b) => a * b).Sum(), 0, 1))
            .Select(light => light <= 0.0031308 ? 12.92 * light : (1.055 * Math.Pow(light, 1 / 2.4)) - 0.055)
            .Select(level => (int)Math.Round(255 * level));
    }
}
