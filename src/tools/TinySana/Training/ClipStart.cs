using TinySana.Networks;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>Begins CLIP's image tower as a captioner's encoder: the same network but for a norm in front, and a bias that the positions take over.</summary>
internal static class ClipStart
{
    private const int Scenes = 64; // that the norm in front is set by

    public static void From(Learner<Captioner> seer, Learner<Clip> learner)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var from = seer.named_parameters().ToDictionary(one => one.name, one => (Tensor)one.parameter);
        var to = learner.named_parameters().ToDictionary(one => one.name, one => (Tensor)one.parameter);
        const string embeddings = "captioner.encoder.embeddings", vision = "clip.vision_model";

        var (first, places) = (from[$"{embeddings}.cls_token"].flatten(), from[$"{embeddings}.position_embeddings"].squeeze(0).clone());
        places[1..].add_(from[$"{embeddings}.patch_embeddings.projection.bias"]);
        to[$"{vision}.embeddings.class_embedding"].copy_(first);
        to[$"{vision}.embeddings.position_embedding.weight"].copy_(places);
        to[$"{vision}.embeddings.patch_embedding.weight"].copy_(from[$"{embeddings}.patch_embeddings.projection.weight"]);
        // The norm in front takes every token's mean and deviation; its weight and bias give back what they are on average.
        var placed = learner.Network.Vision.Placed(SceneImages.Pixels(SceneStream.Of(ClipTraining.Options.Seed, 0, Scenes), seer.Network.Options.Vision.Side));
        to[$"{vision}.pre_layrnorm.weight"].fill_(placed.std(2).mean().item<float>());
        to[$"{vision}.pre_layrnorm.bias"].fill_(placed.mean().item<float>());
        foreach (var (name, value) in from.Where(one => one.Key.StartsWith("captioner.encoder.encoder.layer.", StringComparison.Ordinal)))
            to[Renamed(name)].copy_(value);
        foreach (var part in new[] { "weight", "bias" })
        {
            to[$"{vision}.post_layernorm.{part}"].copy_(from[$"captioner.encoder.layernorm.{part}"]);
            to[$"heads.patch.{part}"].copy_(from[$"heads.patch.{part}"]);
        }
    }

    private static string Renamed(string name) => name
        .Replace("captioner.encoder.encoder.layer.", "clip.vision_model.encoder.layers.", StringComparison.Ordinal)
        .Replace("layernorm_before", "layer_norm1", StringComparison.Ordinal)
        .Replace("layernorm_after", "layer_norm2", StringComparison.Ordinal)
        .Replace("attention.attention.query", "self_attn.q_proj", StringComparison.Ordinal)
        .Replace("attention.attention.key", "self_attn.k_proj", StringComparison.Ordinal)
        .Replace("attention.attention.value", "self_attn.v_proj", StringComparison.Ordinal)
        .Replace("attention.output.dense", "self_attn.out_proj", StringComparison.Ordinal)
        .Replace("intermediate.dense", "mlp.fc1", StringComparison.Ordinal)
        .Replace("output.dense", "mlp.fc2", StringComparison.Ordinal);
}
