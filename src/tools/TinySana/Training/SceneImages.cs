using Sana.Inference.Imaging;
using Sana.StillLife;
using Sana.StillLife.Rendering;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Training;

/// <summary>Scenes to the pixels that an image tower reads, prepared as the published preprocessors do it.</summary>
internal static class SceneImages
{
    /// <summary>Side of the world's pictures in pixels.</summary>
    public const int Side = 128;

    /// <summary>The picture of a scene.</summary>
    public static RgbImage Of(Scene scene) => new(Side, Side, SceneRenderer.Render(scene, Side));

    /// <summary>Pictures, rendered and resized to a square: [b, 3, side, side] in −1…1.</summary>
    public static Tensor Pixels(IReadOnlyList<Scene> scenes, int side) => ScenePictures.ToTensor([.. scenes.Select(scene => Resized(Of(scene), side))], side).contiguous();

    private static byte[] Resized(RgbImage image, int side)
    {
        if (side == Side)
            return image.Pixels;
        var size = 3 * side * side;
        var bytes = new byte[size + 1]; // the resize writes one byte too many
        PilResize.Cut(image, (side, side), (0, 0), (side, side), PilFilter.Bilinear, bytes);
        return bytes[..size];
    }

    /// <summary>
    /// Wears pictures in place, as they come from a codec or a small diffusion model: the first third is blurred, the last third noisy, all are a little brighter or darker.
    /// </summary>
    public static Tensor Worn(Tensor pixels)
    {
        var (b, third, side) = (pixels.shape[0], (int)pixels.shape[0] / 3, pixels.shape[2]);
        var (soft, rough) = (pixels[..third], pixels[^third..]);
        soft.lerp_(functional.avg_pool2d(functional.pad(soft, [1, 1, 1, 1], PaddingModes.Replicate), 3, 1), rand(third, 1, 1, 1));
        rough.add_(functional.interpolate(randn(third, 3, side / 4, side / 4) * (rand(third, 1, 1, 1) * 0.12f), [side, side]));
        return pixels.mul_(1 + (randn(b, 1, 1, 1) * 0.03f)).add_(randn(b, 3, 1, 1) * 0.02f).clamp_(-1, 1);
    }
}
