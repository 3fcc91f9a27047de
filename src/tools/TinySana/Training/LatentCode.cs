using System.Security.Cryptography;
using System.Text;
using Sana.GraphBuilder.Configs;
using TinySana.Networks;
using TinySana.Publishing;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>The frozen autoencoder as the transformer's training sees it: latents are scaled.</summary>
/// <param name="Encode">Images [b, 3, h, w] in −1…1 to latents [b, channels, h / compression, w / compression] of a deviation near 1.</param>
/// <param name="Decode">The way back.</param>
/// <param name="Channels">Of the latents.</param>
/// <param name="Compression">Pixels a latent cell, each way.</param>
/// <param name="Digest">Tells this encoder's latents from another's, in a path.</param>
internal sealed record LatentCode(Func<Tensor, Tensor> Encode, Func<Tensor, Tensor> Decode, int Channels, int Compression, string Digest)
{
    /// <summary>That of a checkpoint's folder <c>vae</c>, as it was exported: the transformer learns the latents that the shipped weights make.</summary>
    public static LatentCode Load(string checkpoint)
    {
        var (network, config) = VaeFolder.Read(Path.Combine(checkpoint, "vae"));
        return new(x => network.Encode(x) * config.ScalingFactor, z => network.Decode(z / config.ScalingFactor), config.LatentChannels, config.SpatialCompression, DigestOf(network, config));
    }

    // Of the encoder alone: a decoder that went on learning leaves the latents as they are.
    private static string DigestOf(AutoencoderDC network, AutoencoderDCConfig config)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(BitConverter.GetBytes(config.ScalingFactor));
        foreach (var (name, parameter) in network.named_parameters().Where(one => one.name.StartsWith("encoder.", StringComparison.Ordinal)))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(name));
            hash.AppendData(parameter.bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset())[..12];
    }
}
