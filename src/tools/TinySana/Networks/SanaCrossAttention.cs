using Sana.GraphBuilder.Configs;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>Softmax attention of the latents' tokens to the text's.</summary>
internal sealed class SanaCrossAttention(SanaTransformerConfig config) : SanaAttention(
    nameof(SanaCrossAttention), config.Width, config.CrossWidth, config.NumCrossAttentionHeads, bias: true, config.QkNorm, Projection.Silent(config.CrossWidth, config.Width))
{
    /// <summary>x [b, n, d], caption [b, l, d] and bias [b, 1, 1, l] to [b, n, d].</summary>
    public Tensor Forward(Tensor x, Tensor caption, Tensor bias)
    {
        var q = Queries(x) / MathF.Sqrt(config.CrossAttentionHeadDim); // [b, heads, n, head_dim]
        var weights = (matmul(q, Keys(caption).transpose(2, 3)) + bias).softmax(-1); // [b, heads, n, l]
        return Out(matmul(weights, Values(caption))); // [b, n, d]
    }
}
