using TinySana.Publishing;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>The frozen autoencoder as the transformer's training sees it: latents are scaled.</summary>
/// <param name="Encode">Images [b, 3, h, w] in −1…1 to latents [b, channels, h / compression, w / compression] of a deviation near 1.</param>
/// <param name="Decode">The way back.</param>
/// <param name="Channels">Of the latents.</param>
/// <param name="Compression">Pixels a latent cell, each way.</param>
internal sealed record LatentCode(Func<Tensor, Tensor> Encode, Func<Tensor, Tensor> Decode, int Channels, int Compression)
{
    /// <summary>That of a checkpoint's folder <c>vae</c>, as it was exported: the transformer learns the latents that the shipped weights make.</summary>
    public static LatentCode Load(string checkpoint)
    {
        var (network, config) = VaeFolder.Read(Path.Combine(checkpoint, "vae"));
        return new(x => network.Encode(x) * config.ScalingFactor, z => network.Decode(z / config.ScalingFactor), config.LatentChannels, config.SpatialCompression);
    }
}
