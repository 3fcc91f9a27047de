using Sana.StillLife;
using Sana.StillLife.Rendering;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>Rendered scenes as tensors.</summary>
internal static class ScenePictures
{
    /// <summary>Where the seeds begin of scenes that no training draws.</summary>
    public const ulong Unseen = 1UL << 48;

    /// <summary>Scenes of consecutive seeds, rendered: [count, side · side · 3] bytes.</summary>
    public static byte[][] Render(ulong seed, int count, int side)
    {
        var images = new byte[count][];
        Parallel.For(0, count, i => images[i] = SceneRenderer.Render(SceneGenerator.Draw(seed + (ulong)i), side));
        return images;
    }

    /// <summary>Pixels as the autoencoder takes them, −1…1, channels of a pixel side by side in memory: [b, 3, side, side].</summary>
    public static Tensor ToTensor(byte[][] images, int side)
    {
        var bytes = cat([.. images.Select(image => tensor(image))]).reshape(images.Length, side, side, 3);
        return bytes.permute(0, 3, 1, 2).to_type(ScalarType.Float32).div_(127.5).sub_(1);
    }

    /// <summary>The nearest pixels to a tensor of images: b · [side · side · 3] bytes.</summary>
    public static byte[][] ToBytes(Tensor images)
    {
        var bytes = images.add(1).mul_(127.5).round_().clamp_(0, 255).to_type(ScalarType.Byte).permute(0, 2, 3, 1).contiguous();
        return [.. bytes.unbind(0).Select(image => image.bytes.ToArray())];
    }
}
