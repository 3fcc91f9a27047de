using Sana.GraphBuilder.Configs;
using static TorchSharp.torch;

namespace TinySana.Networks;

// DC-AE (arXiv:2410.10733) as diffusers' AutoencoderDC has it: the same tensors by name, the same results.

/// <summary>The deep-compression autoencoder, for training.</summary>
internal sealed class AutoencoderDC : nn.Module
{
    private readonly AutoencoderDCEncoder _encoder;
    private readonly AutoencoderDCDecoder _decoder;

    public AutoencoderDC(AutoencoderDCConfig config) : base(nameof(AutoencoderDC))
    {
        register_module("encoder", _encoder = new AutoencoderDCEncoder(config));
        register_module("decoder", _decoder = new AutoencoderDCDecoder(config));
    }

    /// <summary>The half that may be trained alone once latents are in use elsewhere.</summary>
    public nn.Module Decoder => _decoder;

    /// <summary>Image in −1…1 [b, 3, h, w] to latents, not scaled: [b, latent channels, h / f, w / f].</summary>
    public Tensor Encode(Tensor image) => _encoder.call(image);

    /// <summary>Latents, not scaled, to an image around −1…1 [b, 3, h, w].</summary>
    public Tensor Decode(Tensor latents) => _decoder.call(latents);

    /// <summary>The blocks of a stage, without the one that changes the resolution.</summary>
    public static IEnumerable<nn.Module<Tensor, Tensor>> Blocks(AutoencoderDCConfig config, AutoencoderStage stage) =>
        Enumerable.Range(0, stage.Layers).Select(_ =>
            stage.IsEfficientViT ? (nn.Module<Tensor, Tensor>)new EfficientViTBlock(stage.Channels, config.AttentionHeadDim) : new ResBlock(stage.Channels));
}
