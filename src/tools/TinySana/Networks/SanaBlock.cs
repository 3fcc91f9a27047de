using Sana.GraphBuilder.Configs;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>One block: linear attention over the latents, cross attention to the text, Mix-FFN; the first and last modulated and gated by the timestep.</summary>
internal sealed class SanaBlock : nn.Module
{
    private readonly double _eps;
    private readonly Parameter _scaleShift;
    private readonly SanaLinearAttention _attn1;
    private readonly SanaCrossAttention _attn2;
    private readonly MixFeedForward _ff;

    public SanaBlock(SanaTransformerConfig config)
        : base(nameof(SanaBlock))
    {
        _eps = config.NormEps;
        _scaleShift = new Parameter(randn(6, config.Width) / MathF.Sqrt(config.Width));
        _attn1 = new SanaLinearAttention(config);
        _attn2 = new SanaCrossAttention(config);
        _ff = new MixFeedForward(config);
        register_parameter("scale_shift_table", _scaleShift);
        register_module("attn1", _attn1);
        register_module("attn2", _attn2);
        register_module("ff", _ff);
    }

    /// <param name="x">[b, n, d].</param>
    /// <param name="time">[b, 6, d].</param>
    /// <param name="caption">[b, l, d].</param>
    /// <param name="bias">[b, 1, 1, l]: 0 for tokens that count.</param>
    /// <param name="height">Of the latents: n / width.</param>
    /// <param name="width">Of the latents.</param>
    public Tensor Forward(Tensor x, Tensor time, Tensor caption, Tensor bias, long height, long width)
    {
        var m = (_scaleShift + time).chunk(6, 1); // 6 × [b, 1, d]
        var (shiftAttention, scaleAttention, gateAttention) = (m[0], m[1], m[2]);
        var (shiftMlp, scaleMlp, gateMlp) = (m[3], m[4], m[5]);

        x = x + (gateAttention * _attn1.Forward(Modulate(x, shiftAttention, scaleAttention, _eps)));
        x = x + _attn2.Forward(x, caption, bias); // no norm, no gate
        return x + (gateMlp * _ff.Forward(Modulate(x, shiftMlp, scaleMlp, _eps), height, width));
    }

    public static Tensor Modulate(Tensor x, Tensor shift, Tensor scale, double eps) =>
        (nn.functional.layer_norm(x, [x.shape[^1]], eps: eps) * (1 + scale)) + shift;
}
