using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Networks;

/// <summary>The names of a transformer layer's parts in a checkpoint.</summary>
internal sealed record LayerNames(string Norm1, string Query, string Key, string Value, string Output, string Norm2, string Up, string Down)
{
    public static LayerNames Vit { get; } = new(
        "layernorm_before", "attention.attention.query", "attention.attention.key", "attention.attention.value", "attention.output.dense",
        "layernorm_after", "intermediate.dense", "output.dense");

    public static LayerNames Clip { get; } = new(
        "layer_norm1", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", "layer_norm2", "mlp.fc1", "mlp.fc2");
}

/// <summary>A pre-norm transformer layer with exact GELU: that of ViT and of both towers of CLIP.</summary>
internal sealed class EncoderLayer
{
    private readonly LayerNorm _norm1, _norm2;
    private readonly Linear _query, _key, _value, _output, _up, _down;
    private readonly int _heads;

    public EncoderLayer(CheckpointModule owner, string path, LayerNames names, TransformerSizes sizes)
    {
        var (d, f) = (sizes.Width, sizes.Inner);
        _heads = sizes.Heads;
        _norm1 = owner.At($"{path}.{names.Norm1}", LayerNorm(d, TransformerSizes.Epsilon));
        _query = owner.At($"{path}.{names.Query}", Linear(d, d));
        _key = owner.At($"{path}.{names.Key}", Linear(d, d));
        _value = owner.At($"{path}.{names.Value}", Linear(d, d));
        _output = owner.At($"{path}.{names.Output}", Initialization.ScaleResidual(Linear(d, d), sizes.Layers));
        _norm2 = owner.At($"{path}.{names.Norm2}", LayerNorm(d, TransformerSizes.Epsilon));
        _up = owner.At($"{path}.{names.Up}", Linear(d, f));
        _down = owner.At($"{path}.{names.Down}", Initialization.ScaleResidual(Linear(f, d), sizes.Layers));
    }

    /// <summary>States [b, s, d] to states [b, s, d]. With <paramref name="causal"/> a token attends to no later one.</summary>
    public Tensor Forward(Tensor x, bool causal = false)
    {
        var y = _norm1.forward(x);
        var mixed = Attention.Mix(_query.forward(y), _key.forward(y), _value.forward(y), _heads, causal);
        x = x + _output.forward(mixed); // [b, s, d]
        return x + _down.forward(functional.gelu(_up.forward(_norm2.forward(x))));
    }
}

/// <summary>Softmax attention with several heads.</summary>
internal static class Attention
{
    /// <summary>Queries [b, s, d], keys and values [b, t, d] to [b, s, d].</summary>
    public static Tensor Mix(Tensor q, Tensor k, Tensor v, int heads, bool causal) =>
        functional.scaled_dot_product_attention(Split(q, heads), Split(k, heads), Split(v, heads), is_casual: causal).transpose(1, 2).reshape(q.shape[0], q.shape[1], -1);

    // [b, s, d] to [b, heads, s, head_dim]
    private static Tensor Split(Tensor x, int heads) => x.reshape(x.shape[0], x.shape[1], heads, -1).transpose(1, 2);
}

/// <summary>The convolution that makes a token of every patch. Its stride is the patch size, so it is computed as a matrix product.</summary>
internal sealed class PatchProjection : Module<Tensor, Tensor>
{
    private readonly int _patch;
    private readonly Parameter _weight;
    private readonly Parameter? _bias;

    public PatchProjection(int width, int patch, bool bias)
        : base(nameof(PatchProjection))
    {
        _patch = patch;
        register_parameter("weight", _weight = new Parameter(randn(width, 3, patch, patch) / Math.Sqrt(3.0 * patch * patch)));
        if (bias)
            register_parameter("bias", _bias = new Parameter(zeros(width)));
    }

    /// <summary>Pixels [b, 3, side, side] to tokens [b, n, width] in reading order.</summary>
    public override Tensor forward(Tensor input)
    {
        var (b, cells) = (input.shape[0], input.shape[2] / _patch);
        var patches = input.reshape(b, 3, cells, _patch, cells, _patch).permute(0, 2, 4, 1, 3, 5); // [b, cells, cells, 3, patch, patch]
        return functional.linear(patches.reshape(b, cells * cells, -1), _weight.flatten(1), _bias); // [b, n, width]
    }
}

/// <summary>The lookup of token embeddings.</summary>
internal static class TokenEmbedding
{
    /// <summary>Ids [b, s] to rows [b, s, d] of a table [vocab, d].</summary>
    public static Tensor Lookup(Parameter table, Tensor ids) => table.index_select(0, ids.flatten()).reshape(ids.shape[0], ids.shape[1], -1);
}

/// <summary>Initial weights.</summary>
internal static class Initialization
{
    /// <summary>Standard deviation of embeddings.</summary>
    public const double EmbeddingDeviation = 0.05;

    /// <summary>Scales a layer that adds to the residual stream by 1 / √(2 · layers), so that the stream's variance does not grow with depth (GPT-2).</summary>
    public static Linear ScaleResidual(Linear linear, int layers)
    {
        using var no = no_grad();
        linear.weight.mul_(1 / Math.Sqrt(2.0 * layers));
        linear.bias!.zero_();
        return linear;
    }
}

/// <summary>Sizes of a stack of transformer layers.</summary>
/// <param name="Width">Of a token.</param>
/// <param name="Layers">Number of layers.</param>
/// <param name="Heads">Attention heads; they divide the width.</param>
internal sealed record TransformerSizes(int Width, int Layers, int Heads)
{
    /// <summary>Epsilon of every layer norm.</summary>
    public const double Epsilon = 1e-5;

    /// <summary>Width of the hidden layer of the MLP.</summary>
    public int Inner => 4 * Width;
}

/// <summary>Sizes of a vision transformer.</summary>
/// <param name="Width">Of a token.</param>
/// <param name="Layers">Number of layers.</param>
/// <param name="Heads">Attention heads; they divide the width.</param>
/// <param name="Side">Of the image in pixels.</param>
/// <param name="Patch">Side of a patch in pixels.</param>
internal sealed record VisionSizes(int Width, int Layers, int Heads, int Side, int Patch)
{
    public TransformerSizes Transformer => new(Width, Layers, Heads);

    /// <summary>Patches along a side.</summary>
    public int Cells => Side / Patch;

    /// <summary>Number of tokens: the class token and one for each patch.</summary>
    public int Tokens => (Cells * Cells) + 1;
}
