using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>Sizes of a captioner. Encoder and decoder are of one width, so nothing is projected between them.</summary>
/// <param name="Vision">The encoder's.</param>
/// <param name="DecoderLayers">The decoder's layers.</param>
/// <param name="Vocabulary">Token ids.</param>
/// <param name="Positions">Longest caption in tokens, the start token included.</param>
internal sealed record CaptionerOptions(VisionOptions Vision, int DecoderLayers, int Vocabulary, int Positions)
{
    public TowerOptions Decoder => new(Vision.Width, DecoderLayers, Vision.Heads);
}

/// <summary>An image captioner: transformers' VisionEncoderDecoderModel of ViT and GPT-2, with its tensor names.</summary>
internal sealed class Captioner : Network
{
    private readonly Vit _encoder;
    private readonly Gpt2 _decoder;

    public Captioner(CaptionerOptions options)
        : base(nameof(Captioner))
    {
        Options = options;
        _encoder = new Vit(this, options.Vision);
        _decoder = new Gpt2(this, options.Decoder, options.Vocabulary, options.Positions);
    }

    public CaptionerOptions Options { get; }

    /// <summary>Normalised pixels [b, 3, side, side] to states [b, 1 + n, d].</summary>
    public Tensor Encode(Tensor pixels) => _encoder.Forward(pixels);

    /// <summary>Token ids [b, s] and states to the logits of each next token, [b, s, vocab].</summary>
    public Tensor Decode(Tensor ids, Tensor states) => _decoder.Forward(ids, states);
}
