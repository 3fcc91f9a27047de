using NetVips;
using Sana.Inference.Imaging;
using Sana.StillLife;
using Sana.StillLife.Analysis;
using Sana.StillLife.Rendering;
using Xunit;

namespace Sana.Tests.StillLife.Analysis;

/// <summary>New seeds and held-out combinations: every shape, colour, size, place and word must be read, and nothing else.</summary>
public sealed class SceneAnalyserTests
{
    private const ulong First = 5_000_000;

    [Theory]
    [InlineData(64, 600)]
    [InlineData(128, 600)]
    [InlineData(256, 200)]
    public void Rendered_scenes_are_read_as_they_are(int side, int scenes) => Assert.InRange(Share(side, scenes, Degradation.None), 0.995, 1);

    [Theory]
    [InlineData("noise", 12)] // standard deviation, of 255
    [InlineData("blur", 1.2)] // standard deviation, in pixels
    [InlineData("jpeg", 50)] // quality
    public void Degraded_pictures_are_still_read(string kind, double amount) => Assert.InRange(Share(128, 300, pixels => Degradation.Apply(kind, amount, pixels, 128)), 0.98, 1);

    [Fact]
    public void An_empty_picture_shows_nothing()
    {
        var pale = new byte[128 * 128 * 3];
        pale.AsSpan().Fill(230);

        Assert.Empty(SceneAnalyser.Read(pale, 128).Objects);
        Assert.Null(SceneAnalyser.Read(pale, 128).Word);
    }

    [Fact]
    public void A_smudge_is_no_object()
    {
        var picture = new byte[128 * 128 * 3];
        picture.AsSpan().Fill(230);
        // A dark wavy line across the picture.
        for (var x = 10; x < 118; x++)
        {
            for (var y = 0; y < 4; y++)
                picture.AsSpan(3 * (((60 + y + (int)(20 * Math.Sin(x / 9.0))) * 128) + x), 3).Fill(30);
        }

        Assert.Empty(SceneAnalyser.Read(picture, 128).Objects);
    }

    [Fact]
    public void Another_scene_is_not_what_a_picture_shows()
    {
        var scene = new Scene(Arrangement.Alone, [new SceneObject(Shape.Ring, Colour.Teal, ObjectSize.Medium, 0.5, 0.5, 0.14)], new Background(Tone.Cream, Texture.Checked));
        var seen = SceneAnalyser.Read(SceneRenderer.Render(scene, 128), 128);
        var ring = scene.Objects[0];

        Assert.True(Shows(seen, scene));
        Assert.All(
            (SceneObject[])[ring with { Shape = Shape.Circle }, ring with { Colour = Colour.Green }, ring with { X = 0.25 }, ring with { Size = ObjectSize.Large }],
            other => Assert.False(Shows(seen, scene with { Objects = [other] })));
        Assert.False(Shows(seen, scene with { Word = "sun" }));
    }

    [Fact]
    public void Bytes_that_are_no_picture_of_the_side_are_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => SceneAnalyser.Read(new byte[100], 128));

    private static double Share(int side, int count, Func<byte[], byte[]> degrade) => Enumerable.Range(0, count).AsParallel().Count(i =>
    {
        var scene = SceneOf(First + (ulong)i);
        return Shows(SceneAnalyser.Read(degrade(SceneRenderer.Render(scene, side)), side), scene);
    }) / (double)count;

    // Exactly the scene: each object with its shape, colour, size and place, no other, and the same word.
    private static bool Shows(SeenScene seen, Scene scene) =>
        seen.Objects.Count == scene.Objects.Count && seen.Word == scene.Word && scene.Objects.All(one => seen.Objects.Count(other => IsSame(one, other)) == 1);

    private static bool IsSame(SceneObject one, SeenObject seen) =>
        seen.Shape == one.Shape && seen.Colour == one.Colour && seen.Size == one.Size && Math.Abs(seen.X - one.X) < 0.05 && Math.Abs(seen.Y - one.Y) < 0.05;

    // Half of the scenes without held-out combinations, half of any kind.
    private static Scene SceneOf(ulong seed)
    {
        var random = new SceneRandom(seed);
        return seed % 2 == 0 ? SceneGenerator.Draw(seed) : SceneGenerator.Draw(random.Pick<Arrangement>(), random);
    }
}

/// <summary>Degrades pictures by noise, blur or JPEG.</summary>
internal static class Degradation
{
    public static byte[] None(byte[] pixels) => pixels;

    public static byte[] Apply(string kind, double amount, byte[] pixels, int side) => kind switch
    {
        "noise" => Noise(pixels, amount),
        "blur" => Changed(pixels, side, image => image.Gaussblur(amount)),
        _ => Jpeg(pixels, side, (int)amount),
    };

    private static byte[] Noise(byte[] pixels, double deviation)
    {
        var random = new Random(7);
        return Array.ConvertAll(pixels, value => (byte)Math.Clamp(value + (deviation * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())), 0, 255));
    }

    private static byte[] Jpeg(byte[] pixels, int side, int quality)
    {
        using var image = Image.NewFromBuffer(ImageCodec.Encode(new RgbImage(side, side, pixels), ImageFormat.Jpeg, quality: quality));
        return image.WriteToMemory<byte>();
    }

    private static byte[] Changed(byte[] pixels, int side, Func<Image, Image> change)
    {
        using var image = Image.NewFromMemory(pixels, side, side, bands: 3, Enums.BandFormat.Uchar);
        using var changed = change(image);
        return changed.WriteToMemory<byte>();
    }
}
