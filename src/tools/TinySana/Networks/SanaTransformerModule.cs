using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>
/// Sana's linear diffusion transformer (arXiv:2410.10629, section 3.2; diffusers' SanaTransformer2DModel) with its tensor names.
/// Letters in shapes: b batch, n latent tokens (height · width), l text tokens, d width.
/// </summary>
internal sealed class SanaTransformerModule : nn.Module
{
    // Initial value in the published training code.
    private const float CaptionScale = 0.01f;

    private readonly SanaTransformerConfig _config;
    private readonly Linear _patch, _output;
    private readonly TimeEmbedding _time;
    private readonly TwoLayerMlp _caption;
    private readonly RmsNorm _captionNorm;
    private readonly SanaBlock[] _blocks;
    private readonly Parameter _scaleShift;

    public SanaTransformerModule(SanaTransformerConfig config)
        : base(nameof(SanaTransformerModule))
    {
        _config = config;
        var d = config.Width;
        _patch = LinearLayer.Create(config.InChannels, d, bias: true); // a 1×1 convolution, computed as a matrix product
        register_module("patch_embed", new NameScope("proj", _patch));
        register_module("time_embed", _time = new TimeEmbedding(d));
        register_module("caption_projection", _caption = new TwoLayerMlp(config.CaptionChannels, d, x => nn.functional.gelu(x, GELU.Approximate.tanh)));
        register_module("caption_norm", _captionNorm = new RmsNorm(d, 1e-5, CaptionScale));
        _blocks = [.. Enumerable.Range(0, config.NumLayers).Select(_ => new SanaBlock(config))];
        register_module("transformer_blocks", nn.ModuleList(_blocks));
        register_parameter("scale_shift_table", _scaleShift = new Parameter(randn(2, d) / MathF.Sqrt(d)));
        register_module("proj_out", _output = LinearLayer.CreateZero(d, config.InChannels));
    }

    /// <summary>The velocity [b, c, h, w], and the states after half of the blocks [b, n, d].</summary>
    /// <param name="latents">[b, c, h, w].</param>
    /// <param name="timestep">[b], 0 to 1,000.</param>
    /// <param name="text">Hidden states of the text encoder [b, l, caption_channels].</param>
    /// <param name="mask">[b, l]: 1 for text tokens, 0 for padding.</param>
    public (Tensor Velocity, Tensor Halfway) Forward(Tensor latents, Tensor timestep, Tensor text, Tensor mask)
    {
        var (batch, channels, height, width) = (latents.shape[0], latents.shape[1], latents.shape[2], latents.shape[3]);
        var caption = _captionNorm.forward(_caption.forward(text)); // [b, l, d]
        var bias = ((1 - mask.to_type(float32)) * -10000f).view(batch, 1, 1, -1); // [b, 1, 1, l]
        var (embedded, time) = _time.Forward(timestep); // [b, d], [b, 6, d]

        var x = _patch.call(latents.flatten(2).transpose(1, 2)); // [b, n, d]
        if (_config.InterpolationScale is { } scale)
            x = x + SinCosPositions.Create(height, width, _config.Width, _config.SampleSize, scale);
        var halfway = x;
        for (var i = 0; i < _blocks.Length; i++)
        {
            x = _blocks[i].Forward(x, time, caption, bias, height, width);
            halfway = i < _blocks.Length / 2 ? x : halfway;
        }

        var modulation = (_scaleShift + embedded.unsqueeze(1)).chunk(2, 1); // 2 × [b, 1, d]: shift, scale
        x = _output.call(SanaBlock.Modulate(x, modulation[0], modulation[1], _config.NormEps)); // [b, n, c]
        return (x.transpose(1, 2).reshape(batch, channels, height, width), halfway);
    }
}

/// <summary>Embeds a timestep and gives the six modulations that all blocks share (AdaLN-single).</summary>
internal sealed class TimeEmbedding : nn.Module
{
    private readonly TwoLayerMlp _embedder;
    private readonly Linear _six;

    public TimeEmbedding(long width)
        : base(nameof(TimeEmbedding))
    {
        _embedder = new TwoLayerMlp(2 * Sinusoid.Frequencies.Length, width, x => nn.functional.silu(x));
        register_module("emb", new NameScope("timestep_embedder", _embedder));
        register_module("linear", _six = LinearLayer.CreateZero(width, 6 * width));
    }

    /// <summary>[b] to [b, d] and [b, 6, d].</summary>
    public (Tensor Embedded, Tensor Six) Forward(Tensor timestep)
    {
        var angles = timestep.unsqueeze(1) * tensor(Sinusoid.Frequencies); // [b, 128]
        var embedded = _embedder.forward(cat([angles.cos(), angles.sin()], 1)); // [b, d]
        return (embedded, _six.forward(nn.functional.silu(embedded)).view(timestep.shape[0], 6, -1));
    }
}

/// <summary>linear_2(act(linear_1(x))): the embedding of captions (act: GELU, tanh approximation) and of timesteps (act: SiLU).</summary>
internal sealed class TwoLayerMlp : nn.Module<Tensor, Tensor>
{
    private readonly Linear _first, _second;
    private readonly Func<Tensor, Tensor> _act;

    public TwoLayerMlp(long from, long width, Func<Tensor, Tensor> act)
        : base(nameof(TwoLayerMlp))
    {
        _act = act;
        register_module("linear_1", _first = LinearLayer.Create(from, width, bias: true));
        register_module("linear_2", _second = LinearLayer.Create(width, width, bias: true));
    }

    public override Tensor forward(Tensor x) => _second.call(_act(_first.call(x)));
}

/// <summary>
/// Position embeddings: sines and cosines of a token's column (first half of the channels) and row.
/// Every grid is scaled to the base grid, so a relative position has the same embedding in small and large pictures.
/// </summary>
internal static class SinCosPositions
{
    /// <returns>[1, height · width, channels].</returns>
    public static Tensor Create(long height, long width, long channels, long baseSize, double interpolationScale)
    {
        var columns = Axis(width, channels / 2, baseSize, interpolationScale).unsqueeze(0).expand(height, -1, -1); // [h, w, channels / 2]
        var rows = Axis(height, channels / 2, baseSize, interpolationScale).unsqueeze(1).expand(-1, width, -1);
        return cat([columns, rows], 2).view(1, height * width, channels);
    }

    private static Tensor Axis(long size, long channels, long baseSize, double interpolationScale)
    {
        var positions = arange(size, dtype: float32) / ((float)size / baseSize) / (float)interpolationScale; // [size]
        var frequencies = pow(10_000, arange(channels / 2, dtype: float64) / -(channels / 2.0)); // [channels / 2]
        var angles = positions.to_type(float64).unsqueeze(1) * frequencies;
        return cat([angles.sin(), angles.cos()], 1).to_type(float32); // [size, channels]
    }
}

/// <summary>A module that only adds a level to the names of a checkpoint, such as <c>emb</c> or the <c>0</c> of <c>to_out.0</c>.</summary>
internal sealed class NameScope : nn.Module
{
    public NameScope(string name, nn.Module module)
        : base(nameof(NameScope)) => register_module(name, module);
}
