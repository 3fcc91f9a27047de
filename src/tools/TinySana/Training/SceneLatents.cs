using System.Security.Cryptography;
using System.Text;
using Sana.GraphBuilder.Configs;
using Sana.StillLife;
using TinySana.Networks;
using TinySana.Publishing;
using TinySana.Scenes;
using TinySana.Torch;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>The latents of many scenes at one size, made once and kept in files. Scene i has the seed first + i.</summary>
internal sealed class SceneLatents
{
    private const int Chunk = 64;

    private SceneLatents(Tensor all, ulong first) => (All, First) = (all, first);

    /// <summary>[scenes, c, h, w], float32.</summary>
    public Tensor All { get; }

    /// <summary>Seed of the first scene.</summary>
    public ulong First { get; }

    /// <summary>Number of scenes.</summary>
    public long Count => All.shape[0];

    /// <summary>Reads the files, after making those that are missing.</summary>
    /// <param name="folder">The folder of the files.</param>
    /// <param name="encode">Images [b, 3, side, side] in −1…1 to latents [b, c, h, w].</param>
    /// <param name="side">Side of the pictures in pixels.</param>
    /// <param name="first">Seed of the first scene.</param>
    /// <param name="count">Number of scenes.</param>
    /// <param name="restyle">What becomes of each scene before it is rendered; null leaves it as it is. Each needs a folder of its own.</param>
    public static SceneLatents Load(string folder, Func<Tensor, Tensor> encode, int side, ulong first, int count, Func<Scene, Scene>? restyle = null)
    {
        const int part = 4_096;
        using var noGradient = no_grad();
        var parts = new List<Tensor>();
        for (var at = 0; at < count; at += part)
        {
            var path = Path.Combine(folder, $"{side}-{first + (ulong)at}-{Math.Min(part, count - at)}.safetensors");
            if (!File.Exists(path))
            {
                using var scope = NewDisposeScope();
                SafetensorsFile.Save(path, [("latents", Encode(encode, side, first + (ulong)at, Math.Min(part, count - at), restyle))], half: true);
                Console.WriteLine($"latents of {at + part} scenes at {side} pixels");
            }

            parts.Add(SafetensorsFile.Load(path)["latents"].to_type(float32));
        }

        return new(cat(parts).DetachFromDisposeScope(), first);
    }

    private static Tensor Encode(Func<Tensor, Tensor> encode, int side, ulong first, int count, Func<Scene, Scene>? restyle)
    {
        var latents = new List<Tensor>();
        for (var at = 0; at < count; at += Chunk)
        {
            using var scope = NewDisposeScope();
            var pixels = ScenePictures.Render(first + (ulong)at, Math.Min(Chunk, count - at), side, restyle);
            latents.Add(encode(ScenePictures.ToTensor(pixels, side)).MoveToOuterDisposeScope());
        }

        return cat(latents);
    }
}

/// <summary>The autoencoder for the training of the transformer: unchanged, with scaled latents.</summary>
/// <param name="Encode">Images [b, 3, h, w] in −1…1 to latents [b, channels, h / compression, w / compression] with a standard deviation near 1.</param>
/// <param name="Decode">Latents to images.</param>
/// <param name="Channels">Channels of the latents.</param>
/// <param name="Compression">Pixels for one latent cell along a side.</param>
/// <param name="Digest">A digest of the encoder, for the folder of its latents.</param>
internal sealed record FrozenAutoencoder(Func<Tensor, Tensor> Encode, Func<Tensor, Tensor> Decode, int Channels, int Compression, string Digest)
{
    /// <summary>Reads the folder <c>vae</c> of a checkpoint, so that the transformer learns the latents of the published weights.</summary>
    public static FrozenAutoencoder Load(string checkpoint)
    {
        var (network, config) = VaeFolder.Read(Path.Combine(checkpoint, "vae"));
        return new(x => network.Encode(x) * config.ScalingFactor, z => network.Decode(z / config.ScalingFactor), config.LatentChannels, config.SpatialCompression, ComputeDigest(network, config));
    }

    // Without the decoder, because the latents do not depend on it.
    private static string ComputeDigest(AutoencoderDCModule network, AutoencoderDCConfig config)
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
