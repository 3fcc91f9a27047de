using System.Text.Json;
using NetVips;
using Sana.Inference.Imaging;

namespace Sana.Tests.Support;

/// <summary>What the reference gives for the CLIP fixture's images and texts.</summary>
internal static class ClipReference
{
    public static JsonElement Json { get; } = Element("expected.json");

    public static SafetensorsReader Tensors { get; } = SafetensorsReader.Open(Path.Combine(Fixtures.Clip, "expected.safetensors"));

    public static string[] Texts { get; } = [.. Element("texts.json").EnumerateArray().Select(text => text.GetProperty("text").GetString()!)];

    public static JsonElement[] Images { get; } = [.. Json.GetProperty("images").EnumerateArray()];

    /// <summary>Every image by its place.</summary>
    public static IEnumerable<int> Places => Enumerable.Range(0, Images.Length);

    public static bool IsJpeg(int image) => Images[image].GetProperty("format").GetString() == "JPEG";

    public static double Tolerance(string measure) => Json.GetProperty("precision").GetProperty(measure).GetProperty("tolerance").GetDouble();

    /// <summary>Row of a tensor whose first axis is the images or the texts.</summary>
    public static float[] Row(string tensor, int at)
    {
        var all = Tensors.Floats(tensor);
        var length = all.Length / Tensors.Shape(tensor)[0];
        return all.AsSpan(at * length, length).ToArray();
    }

    /// <summary>The pixels as the reference reads them: gray repeated, a palette looked up, alpha dropped, EXIF not applied.</summary>
    public static RgbImage Decode(int image)
    {
        var path = Path.Combine(Fixtures.Clip, "images", Images[image].GetProperty("file").GetString()!);
        using var file = Image.NewFromFile(path, access: Enums.Access.Random);
        using var colour = file.Colourspace(Enums.Interpretation.Srgb);
        using var rgb = colour.ExtractBand(0, n: 3);
        return new RgbImage(rgb.Width, rgb.Height, rgb.WriteToMemory<byte>());
    }

    private static JsonElement Element(string file) => JsonElement.Parse(File.ReadAllBytes(Path.Combine(Fixtures.Clip, file)));
}
