using Sana.Inference.Imaging;
using Sana.StillLife;
using Sana.StillLife.Rendering;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Scenes;

/// <summary>Scenes as pictures and as tensors.</summary>
internal static class ScenePictures
{
    /// <summary>The first seed of scenes that no training draws.</summary>
    public const ulong Unseen = 1UL << 48;

    /// <summary>Side of the pictures that captioners and CLIP are given, in pixels.</summary>
    public const int Side = 128;

    /// <summary>The picture of a scene.</summary>
    public static RgbImage Render(Scene scene) => new(Side, Side, SceneRenderer.Render(scene, Side));

    /// <summary>The pictures of consecutive seeds: [count, side · side · 3] bytes.</summary>
    /// <param name="seed">Of the first scene.</param>
    /// <param name="count">Number of scenes.</param>
    /// <param name="side">Side of a picture in pixels.</param>
    /// <param name="restyle">What becomes of each scene before it is rendered; null leaves it as it is.</param>
    public static byte[][] Render(ulong seed, int count, int side, Func<Scene, Scene>? restyle = null)
    {
        var images = new byte[count][];
        Parallel.For(0, count, i =>
        {
            var scene = SceneGenerator.Draw(seed + (ulong)i);
            images[i] = SceneRenderer.Render(restyle is null ? scene : restyle(scene), side);
        });
        return images;
    }

    /// <summary>Pixels in −1…1, channels last in memory: [b, 3, side, side].</summary>
    public static Tensor ToTensor(byte[][] images, int side)
    {
        var bytes = cat([.. images.Select(image => tensor(image))]).reshape(images.Length, side, side, 3);
        return bytes.permute(0, 3, 1, 2).to_type(ScalarType.Float32).div_(127.5).sub_(1);
    }

    /// <summary>The bytes nearest to images in −1…1: b · [side · side · 3].</summary>
    public static byte[][] ToBytes(Tensor images)
    {
        var bytes = images.add(1).mul_(127.5).round_().clamp_(0, 255).to_type(ScalarType.Byte).permute(0, 2, 3, 1).contiguous();
        return [.. bytes.unbind(0).Select(image => image.bytes.ToArray())];
    }

    /// <summary>Scenes rendered and resized as the published preprocessors do it: [b, 3, side, side] in −1…1.</summary>
    public static Tensor Pixels(IReadOnlyList<Scene> scenes, int side) => ToTensor([.. scenes.Select(scene => Resize(Render(scene), side))], side).contiguous();

    private static byte[] Resize(RgbImage image, int side)
    {
        if (side == Side)
            return image.Pixels;
        var size = 3 * side * side;
        var bytes = new byte[size + 1]; // the resize writes one byte more than it needs
        PilResize.Cut(image, (side, side), (0, 0), (side, side), PilFilter.Bilinear, bytes);
        return bytes[..size];
    }

    /// <summary>
    /// Augments pictures in place, to look as if a codec or a small diffusion model had made them: blurs the first third, adds noise to the last third, changes
    /// brightness and tint of all.
    /// </summary>
    public static Tensor Augment(Tensor pixels)
    {
        var (b, third, side) = (pixels.shape[0], (int)pixels.shape[0] / 3, pixels.shape[2]);
        var (blurred, noisy) = (pixels[..third], pixels[^third..]);
        blurred.lerp_(functional.avg_pool2d(functional.pad(blurred, [1, 1, 1, 1], PaddingModes.Replicate), 3, 1), rand(third, 1, 1, 1));
        noisy.add_(functional.interpolate(randn(third, 3, side / 4, side / 4) * (rand(third, 1, 1, 1) * 0.12f), [side, side]));
        return pixels.mul_(1 + (randn(b, 1, 1, 1) * 0.03f)).add_(randn(b, 3, 1, 1) * 0.02f).clamp_(-1, 1);
    }

    /// <summary>Saves many square images as one PNG.</summary>
    /// <param name="path">The file; its folder is created.</param>
    /// <param name="images">Each side × side × 3 bytes, rows from the top, RGB; placed row by row.</param>
    /// <param name="side">Side of one image in pixels.</param>
    /// <param name="columns">Images in a row.</param>
    public static void SaveSheet(string path, IReadOnlyList<byte[]> images, int side, int columns)
    {
        const int gap = 2;
        var (width, height) = ((columns * (side + gap)) - gap, (((images.Count + columns - 1) / columns) * (side + gap)) - gap);
        var sheet = new byte[width * height * 3];
        Array.Fill(sheet, byte.MaxValue);
        for (var i = 0; i < images.Count; i++)
        {
            var (left, top) = (i % columns * (side + gap), i / columns * (side + gap));
            for (var row = 0; row < side; row++)
                images[i].AsSpan(row * side * 3, side * 3).CopyTo(sheet.AsSpan((((top + row) * width) + left) * 3));
        }

        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        File.WriteAllBytes(path, ImageCodec.Encode(new RgbImage(width, height, sheet), ImageFormat.Png));
    }
}
