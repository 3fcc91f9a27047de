using Sana.Inference.Runtime;

namespace Sana.Inference.Autoencoder;

/// <summary>One side of the deep-compression autoencoder: images to latents, or latents to images, whole or in tiles.</summary>
internal sealed class AutoencoderHalf : IDisposable
{
    private readonly Network _network;
    private readonly string _input;
    private readonly string _output;

    private AutoencoderHalf(Network network, string input, string output) => (_network, _input, _output) = (network, input, output);

    /// <summary>What diffusion latents are the autoencoder's latents multiplied by.</summary>
    public float ScalingFactor => float.Parse(_network.Metadata["scaling_factor"], System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Pixels a latent cell.</summary>
    public int Compression => int.Parse(_network.Metadata["spatial_compression"], System.Globalization.CultureInfo.InvariantCulture);

    public static AutoencoderHalf LoadDecoder(string file, NetworkOptions options) =>
        Decoder(Network.Load(file, options, "latent_sample", "sample"));

    public static AutoencoderHalf LoadEncoder(string file, NetworkOptions options) =>
        Encoder(Network.Load(file, options, "sample", "latent_sample"));

    internal static AutoencoderHalf Decoder(Network network) => new(network, "latent_sample", "sample");

    internal static AutoencoderHalf Encoder(Network network) => new(network, "sample", "latent_sample");

    /// <summary>[b, channels, h, w] through the whole network at once.</summary>
    public FloatTensor Run(FloatTensor x, CancellationToken cancellationToken = default)
    {
        using var input = x.ToOrtValue();
        using var outputs = _network.Run([(_input, input)], [_output], cancellationToken);
        return FloatTensor.From(outputs[0]);
    }

    /// <summary>[1, channels, h, w] in overlapping tiles, when it is larger than one: memory stays that of a tile.</summary>
    public FloatTensor Run(FloatTensor x, Tiling tiling, CancellationToken cancellationToken = default)
    {
        var (size, stride) = _input == "sample" ? (tiling.Size, tiling.Stride) : (tiling.Size / Compression, tiling.Stride / Compression);
        return x.Shape[2] <= size && x.Shape[3] <= size ? Run(x, cancellationToken) : Tiles.Run(x, size, stride, tile => Run(tile, cancellationToken));
    }

    public void Dispose() => _network.Dispose();
}
