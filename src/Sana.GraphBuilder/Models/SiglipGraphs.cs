using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Models;

/// <summary>The graphs of a SigLIP 2 checkpoint. ARCHITECTURE.md and Sana.Inference have the same names of inputs and outputs.</summary>
internal static class SiglipGraphs
{
    private static readonly Dim Batch = Dim.Symbolic("batch");

    /// <summary>vision_model.onnx.</summary>
    public static Graph Vision(SiglipConfig config, SafetensorsWeights weights, Func<string, bool>? expose = null, Arithmetic? arithmetic = null)
    {
        var g = new Graph("vision_model", weights, arithmetic, expose);
        long side = config.ImageSize;
        g.Output("image_embeds", new SiglipGraph(g, config).EmbedImages(g.Input("pixel_values", ElementType.Float, Batch, 3, side, side)));
        return g;
    }

    /// <summary>text_model.onnx. Texts come padded to all places, because the tower reads padding too.</summary>
    public static Graph Text(SiglipConfig config, SafetensorsWeights weights, Func<string, bool>? expose = null, Arithmetic? arithmetic = null)
    {
        var g = new Graph("text_model", weights, arithmetic, expose);
        g.Output("text_embeds", new SiglipGraph(g, config).EmbedTexts(g.Input("input_ids", ElementType.Int64, Batch, config.MaxPositionEmbeddings)));
        return g;
    }
}

/// <summary>
/// SigLIP's two towers (arXiv:2303.15343, arXiv:2502.14786; transformers' SiglipModel): images and texts to embeddings in one space, not normalised.
/// Letters: b batch, s places of a text, n patches of an image, d width of the tower, p width of the space.
/// </summary>
internal sealed class SiglipGraph(Graph g, SiglipConfig config)
{
    private readonly ClipEncoder _encoder = new(g);

    /// <summary>Normalised pixels [b, 3, size, size] to [b, p].</summary>
    public Value EmbedImages(Value pixels)
    {
        var tower = config.Vision;
        var x = g.Patches(pixels, "vision_model.embeddings.patch_embedding", config.PatchSize); // [b, d, side, side]
        g.Path = "vision_model.embeddings";
        x = g.Transpose(g.Reshape(x, x[0], x[1], x[2] * x[3]), 0, 2, 1); // [b, n, d]
        x = g.Module(g.Path, g.Add(x, g.Weight("vision_model.embeddings.position_embedding.weight")));
        x = _encoder.Run(x, tower, null, "vision_model.encoder");
        g.Path = "vision_model";
        x = g.Module("vision_model.post_layernorm", g.LayerNorm(x, (float)tower.LayerNormEps, "vision_model.post_layernorm"));
        return g.Module("vision_model.head", Pooled(x)); // [b, d], and p = d
    }

    /// <summary>Token ids [b, s], padding included, to [b, p], taken at the last place. There is no mask: every place sees every other.</summary>
    public Value EmbedTexts(Value ids)
    {
        var tower = config.Text;
        g.Path = "text_model.embeddings";
        var x = g.Cast(g.Gather(g.Stored("text_model.embeddings.token_embedding.weight"), ids, 0), g.Compute); // [b, s, d]
        x = g.Module(g.Path, g.Add(x, g.Weight("text_model.embeddings.position_embedding.weight")));
        x = _encoder.Run(x, tower, null, "text_model.encoder");
        g.Path = "text_model";
        x = g.Reshape(g.Row(x, 1, config.MaxPositionEmbeddings - 1), x[0], x[2]); // [b, d]
        x = g.LayerNorm(x, (float)tower.LayerNormEps, "text_model.final_layer_norm"); // of one place at a time, so the others need none
        return g.Module("text_model.head", g.Linear(x, "text_model.head")); // [b, p]
    }

    // One learned query looks at all patches; its answer goes through an MLP with a residual.
    private Value Pooled(Value x)
    {
        const string path = "vision_model.head";
        g.Path = path;
        var tower = config.Vision;
        long heads = tower.NumAttentionHeads, size = tower.HiddenSize / heads;
        var weights = g.Split(g.Weight($"{path}.attention.in_proj_weight"), 0, 3); // of queries, keys, values, each [d, d]; split when the graph is loaded
        var biases = g.Split(g.Weight($"{path}.attention.in_proj_bias"), 0, 3);
        var q = Heads(Product(g.Weight($"{path}.probe"), weights[0], biases[0]), 0, 2, 1, 3); // [1, heads, 1, head_dim]
        q = g.Mul(q, g.Scalar(1f / MathF.Sqrt(size), g.Compute));
        var k = Heads(Product(x, weights[1], biases[1]), 0, 2, 3, 1); // [b, heads, head_dim, n]
        var v = Heads(Product(x, weights[2], biases[2]), 0, 2, 1, 3); // [b, heads, n, head_dim]
        var mixed = g.Transpose(g.MatMul(g.Softmax(g.MatMul(q, k)), v), 0, 2, 1, 3); // [b, 1, heads, head_dim]
        var pooled = g.Linear(g.Reshape(mixed, x[0], x[2]), $"{path}.attention.out_proj"); // [b, d]
        var y = g.Linear(g.LayerNorm(pooled, (float)tower.LayerNormEps, $"{path}.layernorm"), $"{path}.mlp.fc1");
        return g.Add(pooled, g.Linear(g.Activation(y, tower.HiddenAct), $"{path}.mlp.fc2"));

        Value Heads(Value y, params long[] order) => g.Transpose(g.Reshape(y, y[0], y[1], heads, size), order);
    }

    // y · weightᵀ + bias, of a weight that is a part of a tensor.
    private Value Product(Value y, Value weight, Value bias)
    {
        var rows = g.Reshape(y, y[0] * y[1], y[2]);
        return g.Reshape(g.Node("Gemm", [rows, weight, bias], y.Type, [rows[0], weight[0]], ("transB", 1L)), y[0], y[1], weight[0]);
    }
}
