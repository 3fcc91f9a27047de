using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using NetVips;
using Sana.Inference;
using Sana.Inference.Imaging;
using Xunit;

namespace Sana.Tests.Imaging;

public sealed class ImageCodecTests
{
    private const string Parameters = """{"prompt":"一只熊猫 <in> a \"café\" & 🚲","seed":18446744073709551615}""";

    // Smooth, with a different ramp in each channel: what a lossy format must keep nearly.
    private static readonly RgbImage Ramps = new(61, 37, [.. from y in Enumerable.Range(0, 37) from x in Enumerable.Range(0, 61) from level in new[] { 4 * x, 6 * y, 2 * (x + y) } select (byte)level]);

    public static TheoryData<ImageFormat> Formats => [ImageFormat.Png, ImageFormat.Jpeg, ImageFormat.Webp];

    [Fact]
    public void Png_keeps_every_pixel()
    {
        using var decoded = Image.NewFromBuffer(ImageCodec.Encode(Ramps, ImageFormat.Png, Parameters));

        Assert.Equal((61, 37, 3, Enums.BandFormat.Uchar), (decoded.Width, decoded.Height, decoded.Bands, decoded.Format));
        Assert.Equal(Ramps.Pixels, decoded.WriteToMemory<byte>());
    }

    [Theory]
    [InlineData(ImageFormat.Jpeg)]
    [InlineData(ImageFormat.Webp)]
    public void Lossy_formats_keep_the_picture(ImageFormat format)
    {
        using var decoded = Image.NewFromBuffer(ImageCodec.Encode(Ramps, format, Parameters, quality: 95));

        Assert.Equal((61, 37, 3), (decoded.Width, decoded.Height, decoded.Bands));
        Assert.InRange(decoded.WriteToMemory<byte>().Zip(Ramps.Pixels, (a, b) => Math.Abs(a - b)).Average(), 0, 3);
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Same_image_gives_the_same_bytes(ImageFormat format)
    {
        var copy = Ramps with { Pixels = [.. Ramps.Pixels] };

        Assert.Equal(ImageCodec.Encode(Ramps, format, Parameters), ImageCodec.Encode(copy, format, Parameters));
    }

    [Theory]
    [InlineData(ImageFormat.Jpeg)]
    [InlineData(ImageFormat.Webp)]
    public void Lower_quality_is_smaller(ImageFormat format) =>
        Assert.True(ImageCodec.Encode(Ramps, format, quality: 10).Length < ImageCodec.Encode(Ramps, format, quality: 100).Length);

    [Fact]
    public void Png_says_how_it_was_made_in_text_chunks_that_every_reader_agrees_on()
    {
        var chunks = PngTexts(ImageCodec.Encode(Ramps, ImageFormat.Png, Parameters));

        Assert.StartsWith("SanaFunctions ", chunks["Software"], StringComparison.Ordinal);
        Assert.All(chunks["parameters"], letter => Assert.True(char.IsAscii(letter)));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Parameters), JsonNode.Parse(chunks["parameters"])));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Every_format_says_that_it_is_synthetic_and_how_it_was_made(ImageFormat format)
    {
        var packet = Xmp(ImageCodec.Encode(Ramps, format, Parameters));

        Assert.Equal("http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia", Only(packet, "DigitalSourceType"));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Parameters), JsonNode.Parse(Only(packet, "li"))));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Without_parameters_there_is_no_description(ImageFormat format) =>
        Assert.DoesNotContain(Xmp(ImageCodec.Encode(Ramps, format)).Descendants(), element => element.Name.LocalName == "description");

    [Theory]
    [MemberData(nameof(Formats))]
    public void Longest_prompt_does_not_stop_the_encoder(ImageFormat format)
    {
        var parameters = JsonSerializer.Serialize(new { prompt = new string('熊', 100_000) });

        var packet = Xmp(ImageCodec.Encode(Ramps, format, parameters));

        Assert.Equal(format != ImageFormat.Jpeg, packet.Descendants().Any(element => element.Name.LocalName == "description"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(101)]
    public void Quality_outside_its_range_is_refused(int quality)
    {
        var refusal = Assert.Throws<InferenceException>(() => ImageCodec.Encode(Ramps, ImageFormat.Jpeg, quality: quality));

        Assert.Contains($"{quality} is outside 1…100", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(2, 1)]
    [InlineData(65536, 65536)]
    public void Pixels_that_do_not_fit_the_size_are_refused(int width, int height) =>
        Assert.Throws<InferenceException>(() => ImageCodec.Encode(new RgbImage(width, height, new byte[3]), ImageFormat.Png));

    [Theory]
    [InlineData(ImageFormat.Png, "image/png", ".png")]
    [InlineData(ImageFormat.Jpeg, "image/jpeg", ".jpg")]
    [InlineData(ImageFormat.Webp, "image/webp", ".webp")]
    public void Formats_have_their_names(ImageFormat format, string contentType, string extension) =>
        Assert.Equal((contentType, extension), (format.ContentType(), format.Extension()));

    // Straight from the file: length, type, data, checksum; a text chunk is keyword, zero, text.
    private static Dictionary<string, string> PngTexts(byte[] file)
    {
        var texts = new Dictionary<string, string>();
        for (var at = 8; at < file.Length;)
        {
            var length = System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));
            if (Encoding.ASCII.GetString(file, at + 4, 4) == "tEXt")
            {
                var parts = Encoding.Latin1.GetString(file, at + 8, length).Split('\0');
                texts.Add(parts[0], parts[1]);
            }

            at += length + 12;
        }

        return texts;
    }

    private static XDocument Xmp(byte[] file)
    {
        using var decoded = Image.NewFromBuffer(file);
        return XDocument.Parse(Encoding.UTF8.GetString((byte[])decoded.Get("xmp-data")));
    }

    private static string Only(XDocument packet, string name) => packet.Descendants().Single(element => element.Name.LocalName == name).Value;
}
