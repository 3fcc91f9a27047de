using Sana.GraphBuilder.Configs;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>ReLU linear attention (equation 2 of the paper): (relu(q) · relu(k)ᵀv) / (relu(q) · Σ relu(k)).</summary>
internal sealed class SanaLinearAttention(SanaTransformerConfig config) : SanaAttention(
    nameof(SanaLinearAttention), config.Width, config.Width, config.NumAttentionHeads, bias: false, config.QkNorm, Projection.Of(config.Width, config.Width, bias: true))
{
    private const float Epsilon = 1e-15f;

    /// <summary>[b, n, d] to [b, n, d].</summary>
    public Tensor Forward(Tensor x)
    {
        var (q, k) = (nn.functional.relu(Queries(x)), nn.functional.relu(Keys(x))); // [b, heads, n, head_dim]
        var sums = matmul(q, k.sum(2, keepdim: true).transpose(2, 3)) + Epsilon; // [b, heads, n, 1]
        return Out(matmul(q, matmul(k.transpose(2, 3), Values(x))) / sums); // [b, n, d]
    }
}
