using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Onnx;

namespace Sana.GraphBuilder.Models;

/// <summary>
/// The vision transformer (arXiv:2010.11929; transformers' ViTModel without its pooler). Letters: b batch, n patches, d width.
/// </summary>
/// <param name="g">The graph.</param>
/// <param name="config">Of the network.</param>
/// <param name="name">What its tensors' names begin with: <c>encoder</c> inside a captioner, <c>vit</c> inside a classifier.</param>
internal sealed class VitGraph(Graph g, VitConfig config, string name)
{
    private readonly float _epsilon = (float)config.LayerNormEps;

    /// <summary>Normalised pixels [b, 3, size, size] to the states of the class token and of every patch, [b, 1 + n, d].</summary>
    public Value Encode(Value pixels)
    {
        var embeddings = $"{name}.embeddings";
        var patches = g.Patches(pixels, $"{embeddings}.patch_embeddings.projection", config.PatchSize); // [b, d, side, side]
        patches = g.Transpose(g.Reshape(patches, patches[0], patches[1], patches[2] * patches[3]), 0, 2, 1); // [b, n, d]
        g.Path = embeddings;
        var first = g.Expand(g.Weight($"{embeddings}.cls_token"), patches[0], 1, patches[2]);
        var x = g.Module(embeddings, g.Add(g.Concat(1, first, patches), g.Weight($"{embeddings}.position_embeddings"))); // [b, 1 + n, d]
        for (var i = 0; i < config.NumHiddenLayers; i++)
        {
            var layer = $"{name}.encoder.layer.{i}";
            g.Path = layer;
            x = g.Add(x, Attention(g.LayerNorm(x, _epsilon, $"{layer}.layernorm_before"), $"{layer}.attention"));
            var y = g.WideLinear(g.LayerNorm(x, _epsilon, $"{layer}.layernorm_after"), $"{layer}.intermediate.dense"); // [b, 1 + n, intermediate]
            x = g.Module(layer, g.Add(x, g.WideLinear(g.Activation(y, config.HiddenAct), $"{layer}.output.dense")));
        }

        g.Path = name;
        return g.Module($"{name}.layernorm", g.LayerNorm(x, _epsilon, $"{name}.layernorm"));
    }

    private Value Attention(Value x, string path)
    {
        g.Path = path;
        long heads = config.NumAttentionHeads, size = config.HiddenSize / heads;
        var q = Heads(g.WideLinear(x, $"{path}.attention.query", config.QkvBias), 0, 2, 1, 3); // [b, heads, 1 + n, head_dim]
        var k = Heads(g.WideLinear(x, $"{path}.attention.key", config.QkvBias), 0, 2, 3, 1); // [b, heads, head_dim, 1 + n]
        var v = Heads(g.WideLinear(x, $"{path}.attention.value", config.QkvBias), 0, 2, 1, 3);
        var scores = g.Mul(g.MatMul(q, k), g.Scalar(1f / MathF.Sqrt(size), q.Type)); // [b, heads, 1 + n, 1 + n]
        var mixed = g.Transpose(g.MatMul(g.Softmax(scores), v), 0, 2, 1, 3); // [b, 1 + n, heads, head_dim]
        return g.WideLinear(g.Reshape(mixed, x[0], x[1], x[2]), $"{path}.output.dense");

        Value Heads(Value y, params long[] order) => g.Transpose(g.Reshape(y, y[0], y[1], heads, size), order);
    }
}
