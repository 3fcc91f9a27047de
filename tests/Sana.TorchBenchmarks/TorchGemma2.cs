using Sana.GraphBuilder.Configs;
using static Sana.TorchBenchmarks.TorchLayers;
using static TorchSharp.torch;

namespace Sana.TorchBenchmarks;

/// <summary>
/// Gemma-2 as transformers computes it (Gemma2Model, attention with capped scores): all tokens at once, padding included. Letters: b texts, s tokens, d width.
/// </summary>
internal sealed class TorchGemma2(Gemma2Config config, TorchWeights w)
{
    /// <param name="ids">[b, s], at most as many as a sliding layer sees.</param>
    /// <param name="tokens">How many of them are text; the others are padding behind it.</param>
    /// <returns>Hidden states [b, s, d].</returns>
    public Tensor Forward(Tensor ids, long tokens) => Part(() =>
    {
        var length = ids.shape[1];
        var place = arange(length, dtype: float32);
        var angles = place.unsqueeze(1) * tensor(Enumerable.Range(0, config.HeadDim / 2).Select(i => (float)Math.Pow(config.RopeTheta, -2.0 * i / config.HeadDim)).ToArray()); // [s, head_dim / 2]
        var (cos, sin) = (angles.cos().to_type(w.Type), angles.sin().to_type(w.Type));
        var mask = zeros(length, length).masked_fill_((place > place.unsqueeze(1)).logical_or(place.greater_equal(tokens)), float.MinValue).to_type(w.Type); // [s, s]
        var x = Lookup(w["embed_tokens.weight"], ids) * MathF.Sqrt(config.HiddenSize); // [b, s, d]
        for (var i = 0; i < config.NumHiddenLayers; i++)
        {
            var path = $"layers.{i}";
            x = Next(x, before =>
            {
                var y = Part(() => before + Norm(Attention(Norm(before, $"{path}.input_layernorm"), cos, sin, mask, $"{path}.self_attn"), $"{path}.post_attention_layernorm"));
                return Part(() => y + Norm(Mlp(Norm(y, $"{path}.pre_feedforward_layernorm"), $"{path}.mlp"), $"{path}.post_feedforward_layernorm"));
            });
        }

        return Norm(x, "norm");
    });

    private Tensor Attention(Tensor x, Tensor cos, Tensor sin, Tensor mask, string path) => Part(() =>
    {
        long heads = config.NumAttentionHeads, shared = config.NumKeyValueHeads;
        var q = Part(() => Rotated(Heads(w.Linear(x, $"{path}.q_proj"), heads), cos, sin)); // [b, heads, s, head_dim]
        var k = Part(() => Rotated(Heads(w.Linear(x, $"{path}.k_proj"), shared), cos, sin).repeat_interleave(heads / shared, 1));
        var v = Part(() => Heads(w.Linear(x, $"{path}.v_proj"), shared).repeat_interleave(heads / shared, 1));
        var scores = Part(() => matmul(q, k.transpose(2, 3)) * (float)(1 / Math.Sqrt(config.QueryPreAttnScalar))); // [b, heads, s, s]
        if (config.AttnLogitSoftcapping is { } cap)
            scores = Part(() => tanh(scores / (float)cap) * (float)cap);
        var weights = Part(() => (scores + mask).to_type(float32).softmax(-1).to_type(x.dtype));
        return w.Linear(matmul(weights, v).transpose(1, 2).flatten(2), $"{path}.o_proj"); // [b, s, d]
    });

    private Tensor Mlp(Tensor x, string path) => Part(() =>
        w.Linear(nn.functional.gelu(w.Linear(x, $"{path}.gate_proj"), TorchSharp.Modules.GELU.Approximate.tanh) * w.Linear(x, $"{path}.up_proj"), $"{path}.down_proj"));

    private Tensor Norm(Tensor x, string path) => Part(() =>
    {
        var wide = x.to_type(float32);
        return (wide * rsqrt(wide.square().mean([-1], keepdim: true) + config.RmsNormEps) * (1 + w[$"{path}.weight"].to_type(float32))).to_type(x.dtype);
    });

    private static Tensor Rotated(Tensor x, Tensor cos, Tensor sin)
    {
        var halves = x.chunk(2, -1);
        return cat([(halves[0] * cos) - (halves[1] * sin), (halves[1] * cos) + (halves[0] * sin)], -1);
    }
}
