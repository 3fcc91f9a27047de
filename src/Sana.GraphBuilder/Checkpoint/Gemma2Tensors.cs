using Sana.GraphBuilder.Configs;

namespace Sana.GraphBuilder.Checkpoint;

/// <summary>The tensors of Gemma2Model in forward order, without the <c>model.</c> of a causal model's file.</summary>
internal static class Gemma2Tensors
{
    public static IEnumerable<ExpectedTensor> Of(Gemma2Config config) =>
        Enumerable.Repeat(new ExpectedTensor("embed_tokens.weight", config.VocabSize, config.HiddenSize), 1)
            .Concat(Enumerable.Range(0, config.NumHiddenLayers).SelectMany(layer => Layer(config, $"layers.{layer}")))
            .Append(new("norm.weight", config.HiddenSize));

    private static ExpectedTensor[] Layer(Gemma2Config config, string name)
    {
        var (d, h, q, kv) = (config.HiddenSize, config.IntermediateSize, config.QueryWidth, config.KeyValueWidth);
        return
        [
            new($"{name}.input_layernorm.weight", d),
            new($"{name}.self_attn.q_proj.weight", q, d),
            new($"{name}.self_attn.k_proj.weight", kv, d),
            new($"{name}.self_attn.v_proj.weight", kv, d),
            new($"{name}.self_attn.o_proj.weight", d, q),
            new($"{name}.post_attention_layernorm.weight", d),
            new($"{name}.pre_feedforward_layernorm.weight", d),
            new($"{name}.mlp.gate_proj.weight", h, d),
            new($"{name}.mlp.up_proj.weight", h, d),
            new($"{name}.mlp.down_proj.weight", d, h),
            new($"{name}.post_feedforward_layernorm.weight", d),
        ];
    }
}
