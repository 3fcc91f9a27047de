using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Models;

/// <summary>The graphs of a CLIP checkpoint. ARCHITECTURE.md and Sana.Inference have the same names of inputs and outputs.</summary>
internal static class ClipGraphs
{
    private static readonly Dim Batch = Dim.Symbolic("batch");

    /// <summary>vision_model.onnx.</summary>
    public static Graph Vision(ClipConfig config, SafetensorsWeights weights, Func<string, bool>? expose = null, Arithmetic? arithmetic = null)
    {
        var g = new Graph("vision_model", weights, arithmetic, expose);
        long side = config.ImageSize;
        var clip = new ClipGraph(g, config);
        g.Output("image_embeds", clip.EmbedImages(g.Input("pixel_values", ElementType.Float, Batch, 3, side, side)));
        g.Output("logit_scale_exp", clip.LogitScale());
        return g;
    }

    /// <summary>text_model.onnx.</summary>
    public static Graph Text(ClipConfig config, SafetensorsWeights weights, Func<string, bool>? expose = null, Arithmetic? arithmetic = null)
    {
        var g = new Graph("text_model", weights, arithmetic, expose);
        g.Output("text_embeds", new ClipGraph(g, config).EmbedTexts(g.Input("input_ids", ElementType.Int64, Batch, Dim.Symbolic("sequence"))));
        return g;
    }
}

/// <summary>
/// CLIP's two towers (arXiv:2103.00020; transformers' CLIPModel): images and texts to embeddings in one space, projected and not normalised.
/// Letters: b batch, s sequence, d width of the tower, p width of the space.
/// </summary>
internal sealed class ClipGraph(Graph g, ClipConfig config)
{
    // Old exports say 2, which is not the end token: there the highest id marks the end.
    private const int LegacyEndToken = 2;

    /// <summary>Normalised pixels [b, 3, size, size] to [b, p].</summary>
    public Value EmbedImages(Value pixels)
    {
        var tower = config.Vision;
        var patches = g.Patches(pixels, "vision_model.embeddings.patch_embedding", config.PatchSize, bias: false); // [b, d, side, side]
        patches = g.Transpose(g.Reshape(patches, patches[0], patches[1], patches[2] * patches[3]), 0, 2, 1); // [b, side², d]
        g.Path = "vision_model.embeddings";
        var first = g.Expand(g.Reshape(g.Weight("vision_model.embeddings.class_embedding"), 1, 1, patches[2]), patches[0], 1, patches[2]);
        var x = g.Add(g.Concat(1, first, patches), g.Weight("vision_model.embeddings.position_embedding.weight")); // [b, 1 + side², d]
        x = g.Module("vision_model.pre_layrnorm", g.LayerNorm(x, (float)tower.LayerNormEps, "vision_model.pre_layrnorm"));
        x = new ClipEncoder(g).Run(x, tower, null, "vision_model.encoder");
        g.Path = "vision_model";
        var pooled = g.LayerNorm(g.Reshape(g.Row(x, 1, 0), x[0], x[2]), (float)tower.LayerNormEps, "vision_model.post_layernorm"); // [b, d]
        return g.Linear(g.Module("vision_model.pooler_output", pooled), "visual_projection", bias: false); // [b, p]
    }

    /// <summary>Token ids [b, s] to [b, p], taken at the end token.</summary>
    public Value EmbedTexts(Value ids)
    {
        var tower = config.Text;
        g.Path = "text_model.embeddings";
        var positions = g.Range(g.Constant(0L), g.Size(ids[1]), ids[1]); // [s]
        var x = g.Cast(g.Gather(g.Stored("text_model.embeddings.token_embedding.weight"), ids, 0), g.Compute); // [b, s, d]
        x = g.Module(g.Path, g.Add(x, g.Gather(g.Weight("text_model.embeddings.position_embedding.weight"), positions, 0)));
        var seen = g.Compare("LessOrEqual", positions, g.Reshape(positions, ids[1], 1));
        var mask = g.Where(seen, g.Scalar(0, ElementType.Float), g.Scalar(float.MinValue, ElementType.Float)); // [s, s]
        x = new ClipEncoder(g).Run(x, tower, mask, "text_model.encoder");
        x = g.Module("text_model.final_layer_norm", g.LayerNorm(x, (float)tower.LayerNormEps, "text_model.final_layer_norm"));
        g.Path = "text_model";
        return g.Linear(g.Module("text_model.pooler_output", AtEndToken(x, ids)), "text_projection", bias: false); // [b, p]
    }

    /// <summary>What cosines are multiplied by: a scalar.</summary>
    public Value LogitScale() => g.Exp(g.Weight("logit_scale", ElementType.Float));

    private Value AtEndToken(Value x, Value ids)
    {
        // ArgMax takes the first of equals, and position 0 where no end token is.
        var marks = config.EosTokenId == LegacyEndToken
            ? ids
            : g.Cast(g.Compare("Equal", ids, g.Scalar((long)config.EosTokenId)), ElementType.Int64);
        var at = g.Node("ArgMax", [marks], ElementType.Int64, [ids[0], 1], ("axis", 1L), ("keepdims", 1L)); // [b, 1]
        return g.Node("GatherND", [x, at], x.Type, [x[0], x[2]], ("batch_dims", 1L)); // [b, d]
    }
}

/// <summary>
/// The layers of a tower of CLIP or SigLIP: pre-norm, attention and MLP with residuals. In eight bits the first and the last layer stay in float32, and what attention and activation give
/// takes 16 bits: a score is the angle between two vectors, and every rounding turns them (docs/precision.md has the measurements).
/// </summary>
internal sealed class ClipEncoder(Graph g)
{
    private const int MixedBits = 16;

    private bool _isWide;

    /// <summary>States [b, s, d] to [b, s, d]; the mask [s, s] is added to the attention scores.</summary>
    public Value Run(Value x, ClipTower tower, Value? mask, string path)
    {
        for (var i = 0; i < tower.NumHiddenLayers; i++)
        {
            var layer = $"{path}.layers.{i}";
            g.Path = layer;
            _isWide = i > 0 && i < tower.NumHiddenLayers - 1;
            x = g.Add(x, Attention(g.LayerNorm(x, (float)tower.LayerNormEps, $"{layer}.layer_norm1"), tower, mask, $"{layer}.self_attn"));
            var y = Linear(g.LayerNorm(x, (float)tower.LayerNormEps, $"{layer}.layer_norm2"), $"{layer}.mlp.fc1");
            y = tower.HiddenAct == "quick_gelu" ? g.Mul(y, g.Sigmoid(g.Mul(y, g.Scalar(1.702f, y.Type)))) : g.Activation(y, tower.HiddenAct);
            x = g.Module(layer, g.Add(x, Linear(y, $"{layer}.mlp.fc2", MixedBits)));
        }

        return x;
    }

    private Value Attention(Value x, ClipTower tower, Value? mask, string path)
    {
        g.Path = path;
        long heads = tower.NumAttentionHeads, size = tower.HiddenSize / heads;
        var q = Heads(Linear(x, $"{path}.q_proj"), heads, size, 0, 2, 1, 3); // [b, heads, s, head_dim]
        var k = Heads(Linear(x, $"{path}.k_proj"), heads, size, 0, 2, 3, 1); // [b, heads, head_dim, s]
        var v = Heads(Linear(x, $"{path}.v_proj"), heads, size, 0, 2, 1, 3);
        var scores = g.Cast(g.Mul(g.MatMul(q, k), g.Scalar(1f / MathF.Sqrt(size), q.Type)), ElementType.Float); // [b, heads, s, s]
        scores = mask is null ? scores : g.Add(scores, mask);
        var mixed = g.Transpose(g.MatMul(g.Cast(g.Softmax(scores), g.Compute), v), 0, 2, 1, 3); // [b, s, heads, head_dim]
        return Linear(g.Reshape(mixed, x[0], x[1], x[2]), $"{path}.out_proj", MixedBits);
    }

    private Value Linear(Value x, string path, int bits = 8) => _isWide ? g.WideLinear(x, path, bits: bits) : g.Linear(x, path);

    private Value Heads(Value x, long heads, long size, params long[] order) =>
        g.Transpose(g.Reshape(x, x[0], x[1], heads, size), order);
}
