using TinySana.Torch;
using static TorchSharp.torch;

namespace Sana.TorchBenchmarks;

/// <summary>The tensors of a checkpoint in one type, and the layers that read them.</summary>
internal sealed class TorchWeights : IDisposable
{
    private readonly Dictionary<string, Tensor> _tensors = [];

    /// <param name="file">A safetensors file.</param>
    /// <param name="type">What its tensors are converted to.</param>
    public TorchWeights(string file, ScalarType type)
    {
        Type = type;
        foreach (var (name, stored) in SafetensorsFile.Load(file))
        {
            _tensors.Add(name, stored.to_type(type).DetachFromDisposeScope());
            if (stored.dtype != type)
                stored.Dispose();
        }
    }

    public ScalarType Type { get; }

    public Tensor this[string name] => _tensors[name];

    /// <summary>x · weightᵀ + bias, where there is a bias.</summary>
    public Tensor Linear(Tensor x, string path) => nn.functional.linear(x, this[$"{path}.weight"], Bias(path));

    public Tensor LayerNorm(Tensor x, string path, double eps) => nn.functional.layer_norm(x, [x.shape[^1]], this[$"{path}.weight"], Bias(path), eps);

    /// <summary>A convolution; without <paramref name="padding"/> one that keeps the sides at stride 1.</summary>
    public Tensor Conv(Tensor x, string path, long stride = 1, long groups = 1, long? padding = null)
    {
        var weight = this[$"{path}.weight"];
        var around = padding ?? weight.shape[^1] / 2;
        return nn.functional.conv2d(x, weight, Bias(path), [stride, stride], [around, around], null, groups);
    }

    public void Dispose()
    {
        foreach (var tensor in _tensors.Values)
            tensor.Dispose();
    }

    private Tensor? Bias(string path) => _tensors.GetValueOrDefault($"{path}.bias");
}

/// <summary>What several networks share.</summary>
internal static class TorchLayers
{
    /// <summary>Runs a part of a network and frees everything that it made but its result, as reference counts do in Python.</summary>
    public static Tensor Part(Func<Tensor> compute)
    {
        using var scope = NewDisposeScope();
        return compute().MoveToOuterDisposeScope();
    }

    /// <summary>The next states of a network: like <see cref="Part"/>, and those before them are freed.</summary>
    public static Tensor Next(Tensor x, Func<Tensor, Tensor> compute)
    {
        using (x)
            return Part(() => compute(x));
    }

    /// <summary>Rows [v, d] of a table by ids [b, s] or [s].</summary>
    public static Tensor Lookup(Tensor table, Tensor ids) => table.index_select(0, ids.flatten()).view([.. ids.shape, table.shape[1]]);

    /// <summary>Softmax attention by LibTorch's own kernel. Queries, keys and values [b, tokens, d] to [b, tokens, d]; the mask is added to the scores.</summary>
    public static Tensor Attention(Tensor q, Tensor k, Tensor v, long heads, Tensor? mask = null, bool causal = false)
    {
        var mixed = nn.functional.scaled_dot_product_attention(Heads(q, heads), Heads(k, heads), Heads(v, heads), mask, 0, causal); // [b, heads, tokens, head_dim]
        return mixed.transpose(1, 2).flatten(2);
    }

    /// <summary>[b, tokens, d] to [b, heads, tokens, head_dim].</summary>
    public static Tensor Heads(Tensor x, long heads) => x.view(x.shape[0], x.shape[1], heads, -1).transpose(1, 2);
}
