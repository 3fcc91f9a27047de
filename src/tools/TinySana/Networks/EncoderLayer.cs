using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Networks;

/// <summary>What a checkpoint calls the parts of a transformer layer.</summary>
internal sealed record LayerNames(string Norm1, string Query, string Key, string Value, string Output, string Norm2, string Up, string Down)
{
    public static LayerNames Vit { get; } = new(
        "layernorm_before", "attention.attention.query", "attention.attention.key", "attention.attention.value", "attention.output.dense",
        "layernorm_after", "intermediate.dense", "output.dense");

    public static LayerNames Clip { get; } = new(
        "layer_norm1", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", "layer_norm2", "mlp.fc1", "mlp.fc2");
}

/// <summary>A pre-norm transformer layer as ViT and both towers of CLIP have it, with the exact GELU.</summary>
internal sealed class EncoderLayer
{
    private readonly LayerNorm _norm1, _norm2;
    private readonly Linear _query, _key, _value, _output, _up, _down;
    private readonly int _heads;

    public EncoderLayer(Network owner, string path, LayerNames names, TowerOptions options)
    {
        var (d, f) = (options.Width, options.Inner);
        _heads = options.Heads;
        _norm1 = owner.At($"{path}.{names.Norm1}", LayerNorm(d, TowerOptions.Epsilon));
        _query = owner.At($"{path}.{names.Query}", Linear(d, d));
        _key = owner.At($"{path}.{names.Key}", Linear(d, d));
        _value = owner.At($"{path}.{names.Value}", Linear(d, d));
        _output = owner.At($"{path}.{names.Output}", Start.Residual(Linear(d, d), options.Layers));
        _norm2 = owner.At($"{path}.{names.Norm2}", LayerNorm(d, TowerOptions.Epsilon));
        _up = owner.At($"{path}.{names.Up}", Linear(d, f));
        _down = owner.At($"{path}.{names.Down}", Start.Residual(Linear(f, d), options.Layers));
    }

    /// <summary>States [b, s, d] to states; with <paramref name="causal"/> no token sees a later one.</summary>
    public Tensor Forward(Tensor x, bool causal = false)
    {
        var y = _norm1.forward(x);
        var mixed = Attention.Mix(_query.forward(y), _key.forward(y), _value.forward(y), _heads, causal);
        x = x + _output.forward(mixed); // [b, s, d]
        return x + _down.forward(functional.gelu(_up.forward(_norm2.forward(x))));
    }
}
