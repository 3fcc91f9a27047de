using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Configs;

/// <summary>The tensors of Florence2ForConditionalGeneration, in forward order.</summary>
internal static class Florence2Tensors
{
    private const string Language = "model.language_model";

    // The names under which files have the one table that the token embeddings share.
    private static readonly string[] _embeddings = [$"{Language}.shared", $"{Language}.encoder.embed_tokens", $"{Language}.decoder.embed_tokens"];

    private static readonly string[] _projections = ["q_proj", "k_proj", "v_proj", "out_proj"];

    /// <summary>Where the token embedding and the output head are.</summary>
    public static TokenTables Tables(SafetensorsWeights weights, bool tied)
    {
        const string head = "lm_head";
        string[] candidates = tied ? [.. _embeddings, head] : _embeddings;
        var embedding = Array.Find(candidates, name => weights.TryGet($"{name}.weight", out _)) ?? _embeddings[0];
        return new TokenTables(embedding, tied ? embedding : head);
    }

    // Enumerated lazily: a config with more layers than the file is refused at the first tensor that is missing.
    public static IEnumerable<ExpectedTensor> All(Florence2Config config, TokenTables tables, SafetensorsWeights? weights = null) =>
        Vision(config.Vision).Concat(Projector(config.Vision)).Concat(Table(config, tables)).Concat(Encoder(config.Text)).Concat(Decoder(config.Text)).Concat(
            _embeddings.Where(name => name != tables.Embedding && weights is not null && weights.TryGet($"{name}.weight", out _))
                .Select(name => new ExpectedTensor($"{name}.weight", config.Text.VocabSize, config.Text.DModel)));

    public static IEnumerable<ExpectedTensor> Vision(DaVitConfig config) => config.Stages.SelectMany((stage, i) => (IEnumerable<ExpectedTensor>)
    [
        .. ClipTensors.Affine($"model.vision_tower.convs.{i}.conv", stage.EmbedDim, stage.InChannels, stage.PatchSize, stage.PatchSize),
        .. ClipTensors.Affine($"model.vision_tower.convs.{i}.norm", stage.PatchPrenorm ? stage.InChannels : stage.EmbedDim),
        .. Enumerable.Range(0, stage.Depth).SelectMany(block => (IEnumerable<ExpectedTensor>)
        [
            .. Half(config, stage, $"model.vision_tower.blocks.{i}.{block}.spatial_block", "window_attn"),
            .. Half(config, stage, $"model.vision_tower.blocks.{i}.{block}.channel_block", "channel_attn"),
        ]),
    ]);

    public static IEnumerable<ExpectedTensor> Projector(DaVitConfig config)
    {
        const string path = "model.multi_modal_projector";
        long width = config.Width;
        return
        [
            new($"{path}.image_position_embed.column_embeddings.weight", config.MaxPositionEmbeddings, width - (width / 2)),
            new($"{path}.image_position_embed.row_embeddings.weight", config.MaxPositionEmbeddings, width / 2),
            new($"{path}.visual_temporal_embed.pos_idx_to_embed", config.MaxTemporalEmbeddings, width),
            new($"{path}.image_projection.weight", config.ProjectionDim, width),
            .. ClipTensors.Affine($"{path}.image_proj_norm", config.ProjectionDim),
        ];
    }

    public static IEnumerable<ExpectedTensor> Table(Florence2Config config, TokenTables tables)
    {
        yield return new($"{tables.Embedding}.weight", config.Text.VocabSize, config.Text.DModel);
        if (tables.Head != tables.Embedding)
            yield return new($"{tables.Head}.weight", config.Text.VocabSize, config.Text.DModel);
    }

    public static IEnumerable<ExpectedTensor> Encoder(BartConfig config) => Ends(config, $"{Language}.encoder").Concat(
        Enumerable.Range(0, config.EncoderLayers).SelectMany(i => Layer(config.DModel, config.EncoderFfnDim, $"{Language}.encoder.layers.{i}", "self_attn")));

    public static IEnumerable<ExpectedTensor> Decoder(BartConfig config) => Ends(config, $"{Language}.decoder").Concat(
        Enumerable.Range(0, config.DecoderLayers).SelectMany(i => Layer(config.DModel, config.DecoderFfnDim, $"{Language}.decoder.layers.{i}", "self_attn", "encoder_attn")));

    private static IEnumerable<ExpectedTensor> Ends(BartConfig config, string path) =>
    [
        new($"{path}.embed_positions.weight", config.MaxPositionEmbeddings + BartConfig.PositionOffset, config.DModel),
        .. ClipTensors.Affine($"{path}.layernorm_embedding", config.DModel),
    ];

    // A block of spatial or of channel attention.
    private static IEnumerable<ExpectedTensor> Half(DaVitConfig config, DaVitStage stage, string path, string attention)
    {
        long width = stage.EmbedDim;
        return
        [
            .. ClipTensors.Affine($"{path}.conv1", width, 1, 3, 3),
            .. ClipTensors.Affine($"{path}.norm1", width),
            .. ClipTensors.Affine($"{path}.{attention}.qkv", 3 * width, width).Where(tensor => config.QkvBias || tensor.Shape.Length > 1),
            .. ClipTensors.Affine($"{path}.{attention}.proj", width, width),
            .. ClipTensors.Affine($"{path}.conv2", width, 1, 3, 3),
            .. ClipTensors.Affine($"{path}.norm2", width),
            .. ClipTensors.Affine($"{path}.ffn.fc1", stage.MlpDim, width),
            .. ClipTensors.Affine($"{path}.ffn.fc2", width, stage.MlpDim),
        ];
    }

    private static IEnumerable<ExpectedTensor> Layer(long width, long inner, string path, params IEnumerable<string> attentions) =>
    [
        .. attentions.SelectMany(attention => _projections.SelectMany(part => ClipTensors.Affine($"{path}.{attention}.{part}", width, width))
            .Concat(ClipTensors.Affine($"{path}.{attention}_layer_norm", width))),
        .. ClipTensors.Affine($"{path}.fc1", inner, width),
        .. ClipTensors.Affine($"{path}.fc2", width, inner),
        .. ClipTensors.Affine($"{path}.final_layer_norm", width),
    ];
}
