using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Networks;

/// <summary>Softmax attention in several heads.</summary>
internal static class Attention
{
    /// <summary>[b, s, d] to [b, heads, s, head_dim].</summary>
    public static Tensor Split(Tensor x, int heads) => x.reshape(x.shape[0], x.shape[1], heads, -1).transpose(1, 2);

    /// <summary>Queries, keys and values of all heads to [b, s, d].</summary>
    public static Tensor Mix(Tensor q, Tensor k, Tensor v, bool causal) =>
        functional.scaled_dot_product_attention(q, k, v, is_casual: causal).transpose(1, 2).reshape(q.shape[0], q.shape[2], -1);
}
