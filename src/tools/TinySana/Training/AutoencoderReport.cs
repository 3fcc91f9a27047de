using TinySana.Networks;
using TinySana.Torch;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>How well an autoencoder reproduces scenes that it was not trained on.</summary>
internal static class AutoencoderReport
{
    private const int Images = 64, Shown = 16, Columns = 8;

    /// <summary>Mean over the images of the peak signal-to-noise ratio in decibels, and the deviation of the latents.</summary>
    public static (double Psnr, double NoisyPsnr, double Deviation) Measure(AutoencoderDC network, int side)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        manual_seed(1);
        var images = ScenePictures.ToTensor(ScenePictures.Render(ScenePictures.Unseen, Images, side), side);
        var latents = network.Encode(images);
        var deviation = latents.std();
        var noisy = latents + (0.1 * deviation * randn_like(latents));
        return (Psnr(network.Decode(latents), images), Psnr(network.Decode(noisy), images), deviation.item<float>());
    }

    /// <summary>Rows of originals, each above its reproductions.</summary>
    public static void Sheet(AutoencoderDC network, int side, string path)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var originals = ScenePictures.Render(ScenePictures.Unseen, Shown, side);
        var copies = ScenePictures.ToBytes(network.Decode(network.Encode(ScenePictures.ToTensor(originals, side))));
        ContactSheet.Save(path, [.. originals.Chunk(Columns).Zip(copies.Chunk(Columns), (above, below) => above.Concat(below)).SelectMany(row => row)], side, Columns);
    }

    // Images span −1…1, so the peak is 2.
    private static double Psnr(Tensor images, Tensor originals) =>
        (10 * (4 / (images.clamp(-1, 1) - originals).square().mean([1, 2, 3])).log10()).mean().item<float>();
}
