namespace Sana.GraphBuilder.Configs;

/// <summary>
/// config.json of a SigLIP 2 checkpoint of fixed resolution (SiglipModel, arXiv:2502.14786). A key that it lacks has the value of transformers' SiglipConfig,
/// which is that of google/siglip-base-patch16-224.
/// </summary>
/// <remarks>
/// With d the width of the text tower, D that of the image tower, H its intermediate size, v = vocab_size, s = max_position_embeddings, p = patch_size,
/// n = (image_size / p)² patches:
/// <code>
/// text_model.embeddings.token_embedding.weight [v, d] · .position_embedding.weight [s, d]
/// {text,vision}_model.encoder.layers.{i}: layers as CLIP's
/// text_model.final_layer_norm.weight [d], .bias [d] · text_model.head.weight [D, d], .bias [D]
/// vision_model.embeddings.patch_embedding.weight [D, 3, p, p], .bias [D] · .position_embedding.weight [n, D]
/// vision_model.post_layernorm.weight [D], .bias [D]
/// vision_model.head.probe [1, 1, D] · .attention.in_proj_weight [3D, D], .in_proj_bias [3D] (queries, keys, values)
/// vision_model.head.attention.out_proj.weight [D, D], .bias [D]
/// vision_model.head.layernorm.weight [D], .bias [D] · .mlp.fc1.weight [H, D], .bias [H] · .mlp.fc2.weight [D, H], .bias [D]
/// logit_scale [1] · logit_bias [1]
/// </code>
/// </remarks>
internal sealed record SiglipConfig
{
    public const string ModelType = "siglip";
    private const string AnyShape = "siglip2"; // the NaFlex models

    // What transformers writes into any config and what only training or generation reads. None of it changes an embedding.
    private static readonly string[] _harmless =
    [
        "architectures", "dtype", "torch_dtype", "transformers_version", "initializer_factor", "initializer_range", "attention_dropout",
        "bos_token_id", "eos_token_id", "pad_token_id", "return_dict", "id2label", "label2id", "tie_word_embeddings", "chunk_size_feed_forward",
        "max_length", "min_length", "num_beams", "num_beam_groups", "num_return_sequences", "temperature", "top_k", "top_p", "typical_p",
        "length_penalty", "repetition_penalty", "diversity_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size",
    ];

    public required ClipTower Text { get; init; }
    public required ClipTower Vision { get; init; }
    public required int VocabSize { get; init; }

    /// <summary>Places of the text tower, all of which it reads: 64 in published models.</summary>
    public required int MaxPositionEmbeddings { get; init; }
    public required int NumChannels { get; init; }

    /// <summary>Side of the image in pixels.</summary>
    public required int ImageSize { get; init; }

    /// <summary>Side of a patch in pixels.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Width of the embeddings that are compared: that of the image tower.</summary>
    public int ProjectionSize => Vision.HiddenSize;
    public int Patches => ImageSize / PatchSize * (ImageSize / PatchSize);

    /// <summary>Whether a config.json says that it is of this family, in a form that can be built or not.</summary>
    public static bool IsFamily(string configFile) =>
        JsonConfig.Load(configFile) is var json && (json.Says("model_type", ModelType) || json.Says("model_type", AnyShape));

    /// <exception cref="CheckpointException">A value is out of range or unknown, or asks for a form of the network that is not built here.</exception>
    public static SiglipConfig Load(string configFile)
    {
        var json = JsonConfig.Load(configFile);
        if (json.Says("model_type", AnyShape))
        {
            throw json.Wrong("model_type", $"\"{ModelType}\": models that take images of any shape (NaFlex) are not supported; "
                + "use one of fixed resolution, such as google/siglip2-base-patch16-224");
        }

        json.Word("model_type", null, ModelType);
        var (text, vision) = (json.Section("text_config"), json.Section("vision_config"));
        text.Word("model_type", "siglip_text_model", "siglip_text_model");
        vision.Word("model_type", "siglip_vision_model", "siglip_vision_model");
        vision.Only("vision_use_head", true);

        var config = new SiglipConfig
        {
            Text = Tower(text),
            Vision = Tower(vision),
            VocabSize = text.Integer("vocab_size", 1, 2_000_000, 32_000),
            MaxPositionEmbeddings = text.Integer("max_position_embeddings", 2, 65_536, 64),
            NumChannels = vision.Integer("num_channels", 3, 3, 3),
            ImageSize = vision.Integer("image_size", 1, 4_096, 224),
            PatchSize = vision.Integer("patch_size", 1, 4_096, 16),
        };
        if (text.Integer("projection_size", 1, 65_536, config.Text.HiddenSize) != config.ProjectionSize)
            throw text.Wrong("projection_size", $"vision_config.hidden_size {config.ProjectionSize}, the width that both towers end with");
        if (config.PatchSize > config.ImageSize)
            throw vision.Wrong("patch_size", $"at most image_size {config.ImageSize}");
        foreach (var section in new[] { json, text, vision })
            section.RefuseOthers(_harmless);
        return config;
    }

    private static ClipTower Tower(JsonConfig json)
    {
        var tower = new ClipTower(
            json.Integer("hidden_size", 1, 65_536, 768),
            json.Integer("intermediate_size", 1, 1_048_576, 3_072),
            json.Integer("num_hidden_layers", 1, 512, 12),
            json.Integer("num_attention_heads", 1, 1_024, 12),
            json.Word("hidden_act", "gelu_pytorch_tanh", Gpt2Config.Activations),
            json.Number("layer_norm_eps", 0, 1, 1e-6));
        return tower.HiddenSize % tower.NumAttentionHeads == 0
            ? tower
            : throw json.Wrong("num_attention_heads", $"a divisor of hidden_size {tower.HiddenSize}");
    }
}

/// <summary>The tensors of SiglipModel in forward order.</summary>
internal static class SiglipTensors
{
    public static IEnumerable<ExpectedTensor> All(SiglipConfig config) => [.. Text(config), .. Vision(config), new("logit_scale", 1), new("logit_bias", 1)];

    public static IEnumerable<ExpectedTensor> Text(SiglipConfig config)
    {
        var d = config.Text.HiddenSize;
        return
        [
            new("text_model.embeddings.token_embedding.weight", config.VocabSize, d),
            new("text_model.embeddings.position_embedding.weight", config.MaxPositionEmbeddings, d),
            .. ClipTensors.Layers(config.Text, "text_model"),
            .. ClipTensors.Affine("text_model.final_layer_norm", d),
            .. ClipTensors.Affine("text_model.head", config.ProjectionSize, d),
        ];
    }

    public static IEnumerable<ExpectedTensor> Vision(SiglipConfig config)
    {
        var (d, h) = (config.Vision.HiddenSize, config.Vision.IntermediateSize);
        return
        [
            .. ClipTensors.Affine("vision_model.embeddings.patch_embedding", d, config.NumChannels, config.PatchSize, config.PatchSize),
            new("vision_model.embeddings.position_embedding.weight", config.Patches, d),
            .. ClipTensors.Layers(config.Vision, "vision_model"),
            .. ClipTensors.Affine("vision_model.post_layernorm", d),
            new("vision_model.head.probe", 1, 1, d),
            new("vision_model.head.attention.in_proj_weight", 3L * d, d),
            new("vision_model.head.attention.in_proj_bias", 3L * d),
            .. ClipTensors.Affine("vision_model.head.attention.out_proj", d, d),
            .. ClipTensors.Affine("vision_model.head.layernorm", d),
            .. ClipTensors.Affine("vision_model.head.mlp.fc1", h, d),
            .. ClipTensors.Affine("vision_model.head.mlp.fc2", d, h),
        ];
    }
}
