using Sana.GraphBuilder.Configs;
using static Sana.TorchBenchmarks.TorchLayers;
using static TorchSharp.torch;

namespace Sana.TorchBenchmarks;

/// <summary>SigLIP 2 as transformers computes it (SiglipModel). Letters: b batch, n patches, s places of a text, d width.</summary>
internal sealed class TorchSiglip(SiglipConfig config, TorchWeights w)
{
    /// <summary>Normalised pixels [b, 3, side, side] to embeddings [b, d].</summary>
    public Tensor EmbedImages(Tensor pixels) => Part(() =>
    {
        const string head = "vision_model.head";
        var (tower, eps) = (config.Vision, config.Vision.LayerNormEps);
        var x = Part(() => w.Conv(pixels, "vision_model.embeddings.patch_embedding", config.PatchSize, padding: 0).flatten(2).transpose(1, 2) + w["vision_model.embeddings.position_embedding.weight"]); // [b, n, d]
        x = w.LayerNorm(Layers(x, tower, "vision_model"), "vision_model.post_layernorm", eps);
        var weights = w[$"{head}.attention.in_proj_weight"].chunk(3, 0); // of queries, keys, values
        var biases = w[$"{head}.attention.in_proj_bias"].chunk(3, 0);
        var q = nn.functional.linear(w[$"{head}.probe"].expand(x.shape[0], -1, -1), weights[0], biases[0]); // [b, 1, d]
        var mixed = Attention(q, nn.functional.linear(x, weights[1], biases[1]), nn.functional.linear(x, weights[2], biases[2]), tower.NumAttentionHeads);
        var pooled = w.Linear(mixed, $"{head}.attention.out_proj"); // [b, 1, d]
        return (pooled + Mlp(w.LayerNorm(pooled, $"{head}.layernorm", eps), $"{head}.mlp"))[.., 0]; // [b, d]
    });

    /// <summary>Ids [b, s], all places, to embeddings [b, d].</summary>
    public Tensor EmbedTexts(Tensor ids) => Part(() =>
    {
        var x = Lookup(w["text_model.embeddings.token_embedding.weight"], ids) + w["text_model.embeddings.position_embedding.weight"]; // [b, s, d]
        x = w.LayerNorm(Layers(x, config.Text, "text_model"), "text_model.final_layer_norm", config.Text.LayerNormEps);
        return w.Linear(x[.., -1], "text_model.head"); // [b, d]
    });

    private Tensor Layers(Tensor x, ClipTower tower, string path)
    {
        for (var i = 0; i < tower.NumHiddenLayers; i++)
        {
            var layer = $"{path}.encoder.layers.{i}";
            x = Next(x, before =>
            {
                var y = Part(() =>
                {
                    var z = w.LayerNorm(before, $"{layer}.layer_norm1", tower.LayerNormEps);
                    var (q, k, v) = (w.Linear(z, $"{layer}.self_attn.q_proj"), w.Linear(z, $"{layer}.self_attn.k_proj"), w.Linear(z, $"{layer}.self_attn.v_proj"));
                    return before + w.Linear(Attention(q, k, v, tower.NumAttentionHeads), $"{layer}.self_attn.out_proj");
                });
                return y + Mlp(w.LayerNorm(y, $"{layer}.layer_norm2", tower.LayerNormEps), $"{layer}.mlp");
            });
        }

        return x;
    }

    private Tensor Mlp(Tensor x, string path) => Part(() => w.Linear(nn.functional.gelu(w.Linear(x, $"{path}.fc1"), TorchSharp.Modules.GELU.Approximate.tanh), $"{path}.fc2"));
}
