using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Networks;

/// <summary>Softmax attention in several heads.</summary>
internal static class Attention
{
    /// <summary>Queries [b, s, d], keys and values [b, t, d] to [b, s, d].</summary>
    public static Tensor Mix(Tensor q, Tensor k, Tensor v, int heads, bool causal) =>
        functional.scaled_dot_product_attention(Split(q, heads), Split(k, heads), Split(v, heads), is_casual: causal).transpose(1, 2).reshape(q.shape[0], q.shape[1], -1);

    // [b, s, d] to [b, heads, s, head_dim]
    private static Tensor Split(Tensor x, int heads) => x.reshape(x.shape[0], x.shape[1], heads, -1).transpose(1, 2);
}
