using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>What both attentions of a block have in common: four projections with the checkpoint's names, norms of queries and keys where the config has them, and heads.</summary>
internal abstract class SanaAttention : nn.Module
{
    private readonly int _heads;
    private readonly Linear _q;
    private readonly Linear _k;
    private readonly Linear _v;
    private readonly RmsNorm? _normQ;
    private readonly RmsNorm? _normK;

    /// <param name="name">Of the module.</param>
    /// <param name="width">Of what comes in.</param>
    /// <param name="inner">Of all heads together.</param>
    /// <param name="heads">How many.</param>
    /// <param name="bias">Whether the three projections that come first have one.</param>
    /// <param name="normed">Whether queries and keys are normed.</param>
    /// <param name="output">The last projection, inner to width.</param>
    protected SanaAttention(string name, int width, int inner, int heads, bool bias, bool normed, Linear output)
        : base(name)
    {
        _heads = heads;
        register_module("to_q", _q = Projection.Of(width, inner, bias));
        register_module("to_k", _k = Projection.Of(width, inner, bias));
        register_module("to_v", _v = Projection.Of(width, inner, bias));
        register_module("to_out", new Holder("0", Output = output));
        if (normed)
        {
            register_module("norm_q", _normQ = new RmsNorm(inner, 1e-5, 1));
            register_module("norm_k", _normK = new RmsNorm(inner, 1e-5, 1));
        }
    }

    private Linear Output { get; }

    /// <summary>[b, n, d] to [b, heads, n, head_dim].</summary>
    protected Tensor Queries(Tensor x) => Heads(Normed(_q.forward(x), _normQ));

    /// <inheritdoc cref="Queries"/>
    protected Tensor Keys(Tensor x) => Heads(Normed(_k.forward(x), _normK));

    /// <inheritdoc cref="Queries"/>
    protected Tensor Values(Tensor x) => Heads(_v.forward(x));

    /// <summary>[b, heads, n, head_dim] to [b, n, d].</summary>
    protected Tensor Out(Tensor mixed) => Output.forward(mixed.transpose(1, 2).flatten(2));

    private Tensor Heads(Tensor x) => x.view(x.shape[0], x.shape[1], _heads, -1).transpose(1, 2);

    private static Tensor Normed(Tensor x, RmsNorm? norm) => norm is null ? x : norm.forward(x);
}
