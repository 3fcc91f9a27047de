using NetVips;
using Sana.Inference.Imaging;

namespace Sana.Tests.StillLife.Analysis;

/// <summary>What happens to pictures: noise, blur, JPEG.</summary>
internal static class Spoiling
{
    public static byte[] None(byte[] pixels) => pixels;

    public static byte[] Of(string kind, double amount, byte[] pixels, int side) => kind switch
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
