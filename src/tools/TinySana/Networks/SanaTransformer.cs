using Sana.GraphBuilder.Configs;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>
/// The linear diffusion transformer (SANA, arXiv:2410.10629, section 3.2; diffusers' SanaTransformer2DModel) with the checkpoint's names.
/// Letters: b batch, n latent tokens (height · width), l text tokens, d width.
/// </summary>
internal sealed class SanaTransformer : nn.Module
{
    // Where the release's own training begins it; it learns from there.
    private const float CaptionScale = 0.01f;

    private readonly SanaTransformerConfig _config;
    private readonly Linear _patch;
    private readonly TimeEmbedding _time;
    private readonly TwoLinears _caption;
    private readonly RmsNorm _captionNorm;
    private readonly SanaBlock[] _blocks;
    private readonly Parameter _scaleShift;
    private readonly Linear _output;

    public SanaTransformer(SanaTransformerConfig config)
        : base(nameof(SanaTransformer))
    {
        _config = config;
        var d = config.Width;
        _patch = Projection.Of(config.InChannels, d, bias: true); // the 1×1 convolution as a product; saved with its two axes of 1
        _time = new TimeEmbedding(d);
        _caption = new TwoLinears(config.CaptionChannels, d, x => nn.functional.gelu(x, GELU.Approximate.tanh));
        _captionNorm = new RmsNorm(d, 1e-5, CaptionScale);
        _blocks = [.. Enumerable.Range(0, config.NumLayers).Select(_ => new SanaBlock(config))];
        _scaleShift = new Parameter(randn(2, d) / MathF.Sqrt(d));
        _output = Projection.Silent(d, config.InChannels);

        register_module("patch_embed", new Holder("proj", _patch));
        register_module("time_embed", _time);
        register_module("caption_projection", _caption);
        register_module("caption_norm", _captionNorm);
        register_module("transformer_blocks", nn.ModuleList(_blocks));
        register_parameter("scale_shift_table", _scaleShift);
        register_module("proj_out", _output);
    }

    /// <summary>One evaluation: the velocity [b, c, h, w] of latents [b, c, h, w].</summary>
    /// <param name="latents">[b, c, h, w].</param>
    /// <param name="timestep">[b], 0…1,000.</param>
    /// <param name="text">Hidden states of the text encoder [b, l, caption_channels].</param>
    /// <param name="mask">[b, l]: 1 for text tokens that count.</param>
    public Tensor Forward(Tensor latents, Tensor timestep, Tensor text, Tensor mask) => Look(latents, timestep, text, mask).Velocity;

    /// <summary>One evaluation, with the states halfway through the blocks [b, n, d].</summary>
    public (Tensor Velocity, Tensor Halfway) Look(Tensor latents, Tensor timestep, Tensor text, Tensor mask)
    {
        var (batch, channels, height, width) = (latents.shape[0], latents.shape[1], latents.shape[2], latents.shape[3]);
        var caption = _captionNorm.forward(_caption.forward(text)); // [b, l, d]
        var bias = ((1 - mask.to_type(float32)) * -10000f).view(batch, 1, 1, -1); // [b, 1, 1, l]
        var (embedded, time) = _time.Forward(timestep); // [b, d], [b, 6, d]

        var x = _patch.forward(latents.flatten(2).transpose(1, 2)); // [b, n, d]
        if (_config.InterpolationScale is { } scale)
            x = x + SinCosPositions.Of(height, width, _config.Width, _config.SampleSize, scale);
        var halfway = x;
        for (var i = 0; i < _blocks.Length; i++)
        {
            x = _blocks[i].Forward(x, time, caption, bias, height, width);
            halfway = i < _blocks.Length / 2 ? x : halfway;
        }

        var modulation = (_scaleShift + embedded.unsqueeze(1)).chunk(2, 1); // 2 × [b, 1, d]: shift, scale
        x = _output.forward(SanaBlock.Modulate(x, modulation[0], modulation[1], _config.NormEps)); // [b, n, c]
        return (x.transpose(1, 2).reshape(batch, channels, height, width), halfway);
    }
}
