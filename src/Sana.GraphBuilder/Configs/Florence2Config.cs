namespace Sana.GraphBuilder.Configs;

/// <summary>
/// config.json of Florence-2 (arXiv:2311.06242; transformers' Florence2ForConditionalGeneration), as <c>florence-community/Florence-2-base</c> and its sisters are published.
/// Microsoft's own repositories have the same weights under other names and are refused with the name of the repository that works.
/// </summary>
internal sealed record Florence2Config(DaVitConfig Vision, BartConfig Text, GenerationConfig Generation, int ImageTokenId, bool TieWordEmbeddings)
{
    public const string ModelType = "florence2";

    /// <param name="configFile">config.json.</param>
    /// <param name="generationFile">generation_config.json, which may be missing.</param>
    /// <param name="name">Of the checkpoint, for messages.</param>
    /// <exception cref="CheckpointException">A value is out of range, or asks for a form of the network that is not built here.</exception>
    public static Florence2Config Load(string configFile, string generationFile, string name)
    {
        var json = JsonConfig.Load(configFile);
        json.Word("model_type", null, ModelType);
        var (text, vision) = (json.Section("text_config"), json.Section("vision_config"));
        if (vision.Says("model_type", "davit") || text.Says("model_type", "florence2_language") || json.HasSection("auto_map"))
            throw new CheckpointException(MicrosoftLayout(name));
        var (davit, bart) = (DaVitConfig.Load(vision), BartConfig.Load(text));
        if (davit.ProjectionDim != bart.DModel)
            throw vision.Wrong("projection_dim", $"text_config.d_model {bart.DModel}");

        // The length that old writers leave in text_config, 20, is no length of captions.
        JsonConfig[] written = File.Exists(generationFile) ? [JsonConfig.Load(generationFile)] : [];
        JsonConfig[] sources = [.. written, json, text];
        var config = new Florence2Config(
            davit,
            bart,
            GenerationConfig.Load(sources, written, bart.VocabSize, bart.MaxPositionEmbeddings, bart.MaxPositionEmbeddings),
            json.Integer("image_token_id", 0, bart.VocabSize - 1, 51_289 < bart.VocabSize ? 51_289 : null),
            json.Flag("tie_word_embeddings", true));
        vision.RefuseOthers(DaVitConfig.Harmless);
        foreach (var source in sources)
            source.RefuseOthers([.. GenerationConfig.Fields, .. source == text ? BartConfig.Harmless : [.. TransformersFields.Harmless, "vocab_size", "projection_dim"]]);
        return config;
    }

    /// <summary>The refusal of a repository of Microsoft's layout.</summary>
    /// <param name="name">Of the checkpoint or the repository.</param>
    public static string MicrosoftLayout(string name)
    {
        var last = name.Split('/')[^1];
        string[] published = ["Florence-2-base", "Florence-2-base-ft", "Florence-2-large", "Florence-2-large-ft"];
        return $"{name} is Florence-2 in the layout that needs Microsoft's own program; use florence-community/{(published.Contains(last) ? last : published[0])}, which has the same weights in transformers' layout.";
    }
}

/// <summary>The <c>vision_config</c> of Florence-2: DaViT (arXiv:2204.03645). Defaults are those of transformers, which are the base model's but for the projection.</summary>
/// <param name="Stages">In forward order.</param>
/// <param name="WindowSize">Side of a window of spatial attention, in places of the map.</param>
/// <param name="QkvBias">Whether queries, keys and values have biases.</param>
/// <param name="ActivationFunction">Of the MLPs.</param>
/// <param name="ProjectionDim">Width of the image tokens.</param>
/// <param name="MaxPositionEmbeddings">Rows, and columns, of the map that have a position.</param>
/// <param name="MaxTemporalEmbeddings">Rows of the table of times, of which an image has the first.</param>
internal sealed record DaVitConfig(
    DaVitStage[] Stages, int WindowSize, bool QkvBias, string ActivationFunction, int ProjectionDim, int MaxPositionEmbeddings, int MaxTemporalEmbeddings)
{
    private const int MostStages = 8;

    /// <summary>Of training; and fields of the layout that the published configs were made from, which transformers does not read.</summary>
    public static readonly IReadOnlyCollection<string> Harmless =
    [
        .. TransformersFields.HarmlessWithoutText, "tie_word_embeddings", "drop_path_rate", "dim_embed", "enable_checkpoint", "visual_temporal_embedding", "image_pos_embed",
        "image_feature_source", "max_pos_embeddings",
    ];

    /// <summary>Channels of the map that the last stage gives.</summary>
    public int Width => Stages[^1].EmbedDim;

    /// <exception cref="CheckpointException">A value is out of range, or asks for a form of the network that is not built here.</exception>
    public static DaVitConfig Load(JsonConfig json)
    {
        json.Word("model_type", "florence_vision", "florence_vision");
        json.Integer("in_channels", 3, 3, 3);
        int[] widths = json.Has("embed_dim") ? json.Integers("embed_dim", 2, 65_536, 1, MostStages) : [128, 256, 512, 1024];
        var count = widths.Length;
        var (depths, heads, groups) = (List("depths", 1, 512, [1, 1, 9, 1]), List("num_heads", 1, 1_024, [4, 8, 16, 32]), List("num_groups", 1, 1_024, [4, 8, 16, 32]));
        var (sizes, strides, padding) = (List("patch_size", 1, 64, [7, 3, 3, 3]), List("patch_stride", 1, 64, [4, 2, 2, 2]), List("patch_padding", 0, 32, [3, 1, 1, 1]));
        var norms = json.Flags("patch_prenorm", count, [false, true, true, true]);
        var ratio = json.Number("mlp_ratio", 0.01, 64, 4);
        if (norms.Length != count || depths.Length != count)
            throw json.Wrong("embed_dim", $"a list of {depths.Length} widths where depths and patch_prenorm are left out");
        for (var i = 0; i < count; i++)
        {
            if (widths[i] % heads[i] != 0)
                throw json.Wrong("num_heads", $"divisors of embed_dim, of which stage {i} has {widths[i]}");
            if (widths[i] % groups[i] != 0)
                throw json.Wrong("num_groups", $"divisors of embed_dim, of which stage {i} has {widths[i]}");
        }

        return new DaVitConfig(
            [.. Enumerable.Range(0, count).Select(i => new DaVitStage(
                widths[i], i == 0 ? 3 : widths[i - 1], depths[i], heads[i], groups[i], (int)(widths[i] * ratio), sizes[i], strides[i], padding[i], norms[i]))],
            json.Integer("window_size", 1, 1_024, 12),
            json.Flag("qkv_bias", true),
            json.Word("activation_function", "gelu", Gpt2Config.Activations),
            json.Integer("projection_dim", 1, 65_536, 1_024),
            json.Integer("max_position_embeddings", 1, 65_536, 50),
            json.Integer("max_temporal_embeddings", 1, 65_536, 100));

        int[] List(string key, int from, int to, int[] missing) => json.Has(key) ? json.Integers(key, from, to, count, count) : missing;
    }

    /// <summary>Side of the map that a square image becomes.</summary>
    /// <param name="side">Of the image, in pixels.</param>
    public int MapSide(int side) => Stages.Aggregate(side, (size, stage) => ((size + (2 * stage.PatchPadding) - stage.PatchSize) / stage.PatchStride) + 1);
}

/// <summary>A stage of DaViT: a convolution that makes the map smaller, then blocks of spatial and of channel attention.</summary>
/// <param name="EmbedDim">Channels.</param>
/// <param name="InChannels">Channels of what comes in.</param>
/// <param name="Depth">Blocks.</param>
/// <param name="NumHeads">Of attention within windows.</param>
/// <param name="NumGroups">Of attention between channels.</param>
/// <param name="MlpDim">Width inside the MLPs.</param>
/// <param name="PatchSize">Side of the convolution's kernel.</param>
/// <param name="PatchStride">Of the convolution.</param>
/// <param name="PatchPadding">Of the convolution, on each side.</param>
/// <param name="PatchPrenorm">Whether the norm comes before the convolution.</param>
internal sealed record DaVitStage(
    int EmbedDim, int InChannels, int Depth, int NumHeads, int NumGroups, int MlpDim, int PatchSize, int PatchStride, int PatchPadding, bool PatchPrenorm);

/// <summary>The <c>text_config</c> of Florence-2: BART (arXiv:1910.13461). Defaults are those of transformers.</summary>
internal sealed record BartConfig
{
    /// <summary>Positions begin at this row of their tables.</summary>
    public const int PositionOffset = 2;

    /// <summary>Of training, of heads for other tasks, and the number of layers once more.</summary>
    public static readonly IReadOnlyCollection<string> Harmless =
        [.. TransformersFields.Harmless, "activation_dropout", "classifier_dropout", "classif_dropout", "encoder_layerdrop", "decoder_layerdrop", "init_std", "num_hidden_layers"];

    public required int VocabSize { get; init; }
    public required int DModel { get; init; }
    public required int EncoderLayers { get; init; }
    public required int EncoderAttentionHeads { get; init; }
    public required int EncoderFfnDim { get; init; }
    public required int DecoderLayers { get; init; }
    public required int DecoderAttentionHeads { get; init; }
    public required int DecoderFfnDim { get; init; }
    public required string ActivationFunction { get; init; }

    /// <summary>Most tokens that the encoder takes, those of the image among them; and the decoder.</summary>
    public required int MaxPositionEmbeddings { get; init; }

    /// <exception cref="CheckpointException">A value is out of range, or asks for a form of the network that is not built here.</exception>
    public static BartConfig Load(JsonConfig json)
    {
        json.Word("model_type", "bart", "bart");
        json.Only("scale_embedding", false);
        json.Only("normalize_embedding", true);
        json.Only("tie_word_embeddings", true);
        json.Integer("extra_pos_embeddings", PositionOffset, PositionOffset, PositionOffset);
        var config = new BartConfig
        {
            VocabSize = json.Integer("vocab_size", 4, 2_000_000, 50_265),
            DModel = json.Integer("d_model", 1, 65_536, 1_024),
            EncoderLayers = json.Integer("encoder_layers", 1, 512, 12),
            EncoderAttentionHeads = json.Integer("encoder_attention_heads", 1, 1_024, 16),
            EncoderFfnDim = json.Integer("encoder_ffn_dim", 1, 1_048_576, 4_096),
            DecoderLayers = json.Integer("decoder_layers", 1, 512, 12),
            DecoderAttentionHeads = json.Integer("decoder_attention_heads", 1, 1_024, 16),
            DecoderFfnDim = json.Integer("decoder_ffn_dim", 1, 1_048_576, 4_096),
            ActivationFunction = json.Word("activation_function", "gelu", Gpt2Config.Activations),
            MaxPositionEmbeddings = json.Integer("max_position_embeddings", 2, 65_536, 1_024),
        };
        foreach (var (key, heads) in new[] { ("encoder_attention_heads", config.EncoderAttentionHeads), ("decoder_attention_heads", config.DecoderAttentionHeads) })
        {
            if (config.DModel % heads != 0)
                throw json.Wrong(key, $"a divisor of d_model {config.DModel}");
        }

        return config;
    }
}
