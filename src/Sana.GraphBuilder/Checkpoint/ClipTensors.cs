using Sana.GraphBuilder.Configs;

namespace Sana.GraphBuilder.Checkpoint;

/// <summary>The tensors of CLIPModel in forward order. The integer <c>position_ids</c> of older files only count upwards and are not asked for.</summary>
internal static class ClipTensors
{
    public static IEnumerable<ExpectedTensor> Of(ClipConfig config) => OfText(config).Concat(OfVision(config)).Append(new("logit_scale"));

    public static IEnumerable<ExpectedTensor> OfText(ClipConfig config)
    {
        var d = config.Text.HiddenSize;
        IEnumerable<ExpectedTensor> embeddings =
        [
            new("text_model.embeddings.token_embedding.weight", config.VocabSize, d),
            new("text_model.embeddings.position_embedding.weight", config.MaxPositionEmbeddings, d),
        ];
        return embeddings
            .Concat(Layers(config.Text, "text_model"))
            .Concat(Affine("text_model.final_layer_norm", d))
            .Append(new("text_projection.weight", config.ProjectionDim, d));
    }

    public static IEnumerable<ExpectedTensor> OfVision(ClipConfig config)
    {
        var d = config.Vision.HiddenSize;
        IEnumerable<ExpectedTensor> embeddings =
        [
            new("vision_model.embeddings.class_embedding", d),
            new("vision_model.embeddings.patch_embedding.weight", d, config.NumChannels, config.PatchSize, config.PatchSize),
            new("vision_model.embeddings.position_embedding.weight", config.Patches + 1, d),
            .. Affine("vision_model.pre_layrnorm", d), // the checkpoints spell it so
        ];
        return embeddings
            .Concat(Layers(config.Vision, "vision_model"))
            .Concat(Affine("vision_model.post_layernorm", d))
            .Append(new("visual_projection.weight", config.ProjectionDim, d));
    }

    private static IEnumerable<ExpectedTensor> Layers(ClipTower tower, string name) =>
        Enumerable.Range(0, tower.NumHiddenLayers).SelectMany(i => Layer(tower, $"{name}.encoder.layers.{i}"));

    private static ExpectedTensor[] Layer(ClipTower tower, string name)
    {
        var (d, h) = (tower.HiddenSize, tower.IntermediateSize);
        return
        [
            .. Affine($"{name}.layer_norm1", d),
            .. Affine($"{name}.self_attn.q_proj", d, d),
            .. Affine($"{name}.self_attn.k_proj", d, d),
            .. Affine($"{name}.self_attn.v_proj", d, d),
            .. Affine($"{name}.self_attn.out_proj", d, d),
            .. Affine($"{name}.layer_norm2", d),
            .. Affine($"{name}.mlp.fc1", h, d),
            .. Affine($"{name}.mlp.fc2", d, h),
        ];
    }

    private static ExpectedTensor[] Affine(string name, params long[] weight) => [new($"{name}.weight", weight), new($"{name}.bias", weight[0])];
}
