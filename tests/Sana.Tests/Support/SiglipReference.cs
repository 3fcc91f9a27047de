using System.Text.Json;
using Sana.Inference.Imaging;

namespace Sana.Tests.Support;

/// <summary>What the reference gives for the SigLIP 2 fixture's pictures and texts.</summary>
internal static class SiglipReference
{
    /// <summary>Of the largest absolute value of a tensor.</summary>
    public const double Tolerance = 5e-5;

    private static readonly JsonElement _json = JsonElement.Parse(File.ReadAllBytes(Path.Combine(Fixtures.Judges, "expected.json"))).GetProperty("siglip");

    public static string Checkpoint { get; } = Path.Combine(Fixtures.Judges, "siglip");

    public static SafetensorsReader Tensors { get; } = SafetensorsReader.Open(Path.Combine(Fixtures.Judges, "expected.safetensors"));

    public static string[] Texts { get; } = Strings("texts");

    public static string[] Images { get; } = Strings("images");

    public static bool IsJpeg(int image) => Path.GetExtension(Images[image]) is ".jpg" or ".jpeg";

    /// <summary>Row of a tensor whose first axis is the images or the texts.</summary>
    public static float[] Row(string tensor, int at)
    {
        var all = Tensors.Floats(tensor);
        var length = all.Length / Tensors.Shape(tensor)[0];
        return all.AsSpan(at * length, length).ToArray();
    }

    /// <summary>The pixels as the reference reads them.</summary>
    public static RgbImage Decode(int image) => Picture.Decode(Images[image]);

    private static string[] Strings(string key) => [.. _json.GetProperty(key).EnumerateArray().Select(item => item.GetString()!)];
}

/// <summary>The photographs of the fixtures.</summary>
internal static class Picture
{
    /// <summary>The pixels as the reference reads them: gray repeated, a palette looked up, alpha dropped, EXIF orientation applied.</summary>
    /// <param name="name">Of the file.</param>
    public static RgbImage Decode(string name)
    {
        using var file = NetVips.Image.NewFromFile(Path.Combine(Fixtures.Clip, "images", name), access: NetVips.Enums.Access.Random);
        using var upright = file.Autorot();
        using var colour = upright.Colourspace(NetVips.Enums.Interpretation.Srgb);
        using var rgb = colour.ExtractBand(0, n: 3);
        return new RgbImage(rgb.Width, rgb.Height, rgb.WriteToMemory<byte>());
    }
}
