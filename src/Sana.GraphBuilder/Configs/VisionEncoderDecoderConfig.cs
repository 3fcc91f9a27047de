namespace Sana.GraphBuilder.Configs;

/// <summary>
/// config.json of an image captioner: transformers' VisionEncoderDecoderModel with a ViT encoder and a GPT-2 decoder, as nlpconnect/vit-gpt2-image-captioning and similar ones are published.
/// </summary>
/// <remarks>
/// What a checkpoint must have. Files: <c>config.json</c> (<c>model_type</c> "vision-encoder-decoder", sections <c>encoder</c> and <c>decoder</c>), <c>preprocessor_config.json</c>,
/// optionally <c>generation_config.json</c>, <c>vocab.json</c> or <c>tokenizer.json</c>, and <c>model.safetensors</c> with float32, float16 or bfloat16 tensors. With e, f the encoder's hidden and
/// intermediate size, p its patch size, n = (image_size / p)² patches, d = n_embd, m = n_inner, v = vocab_size:
/// <code>
/// encoder.embeddings.cls_token [1, 1, e] · .position_embeddings [1, n + 1, e] · .patch_embeddings.projection.weight [e, 3, p, p], .bias [e]
/// encoder.encoder.layer.{i}.layernorm_before, .layernorm_after: .weight [e], .bias [e]
/// encoder.encoder.layer.{i}.attention.attention.query, .key, .value: .weight [e, e], .bias [e] (unless qkv_bias is false)
/// encoder.encoder.layer.{i}.attention.output.dense.weight [e, e], .bias [e] · .intermediate.dense.weight [f, e], .bias [f] · .output.dense.weight [e, f], .bias [e]
/// encoder.layernorm.weight [e], .bias [e]
/// enc_to_dec_proj.weight [d, e], .bias [d] (only where e ≠ d)
/// decoder.transformer.wte.weight [v, d] · .wpe.weight [n_positions, d]
/// decoder.transformer.h.{i}.ln_1, .ln_cross_attn, .ln_2: .weight [d], .bias [d]
/// decoder.transformer.h.{i}.attn.c_attn.weight [d, 3d], .bias [3d] · .attn.c_proj.weight [d, d], .bias [d]
/// decoder.transformer.h.{i}.crossattention.q_attn.weight [d, d], .bias [d] · .c_attn.weight [d, 2d], .bias [2d] (keys, then values) · .c_proj.weight [d, d], .bias [d]
/// decoder.transformer.h.{i}.mlp.c_fc.weight [d, m], .bias [m] · .mlp.c_proj.weight [m, d], .bias [d]
/// decoder.transformer.ln_f.weight [d], .bias [d]
/// decoder.lm_head.weight [v, d] (where it is missing, or wte is, the other one serves for both)
/// </code>
/// GPT-2's own weights (c_attn, q_attn, c_proj, c_fc) are stored [in, out], all others [out, in]. Anything else in the file (pooler, attention masks) is ignored.
/// </remarks>
internal sealed record VisionEncoderDecoderConfig(VitConfig Encoder, Gpt2Config Decoder, GenerationConfig Generation)
{
    public const string ModelType = "vision-encoder-decoder";

    /// <summary>Whether the encoder's states are projected to the decoder's width.</summary>
    public bool Projects => Encoder.HiddenSize != Decoder.NEmbd;

    /// <param name="configFile">config.json.</param>
    /// <param name="generationFile">generation_config.json, which may be missing.</param>
    /// <exception cref="CheckpointException">A value is out of range, or asks for a form of the network that is not built here.</exception>
    public static VisionEncoderDecoderConfig Load(string configFile, string generationFile)
    {
        var json = JsonConfig.Load(configFile);
        json.Word("model_type", null, ModelType);
        var (encoder, decoder) = (json.Section("encoder"), json.Section("decoder"));
        var (vit, gpt2) = (VitConfig.Load(encoder), Gpt2Config.Load(decoder));

        // If it is given, the decoder reads the encoder's width without a projection, which GPT-2's cross attention can do only where both widths are equal.
        if (decoder.Has("cross_attention_hidden_size") && (decoder.Integer("cross_attention_hidden_size", 1, 65_536) != vit.HiddenSize || vit.HiddenSize != gpt2.NEmbd))
            throw decoder.Wrong("cross_attention_hidden_size", "null, or equal to encoder.hidden_size and decoder.n_embd");

        JsonConfig[] sources = File.Exists(generationFile) ? [JsonConfig.Load(generationFile), json, decoder] : [json, decoder];
        var generation = GenerationConfig.Load(sources, sources, gpt2.VocabSize, GenerationConfig.DefaultMaxTokens, gpt2.NPositions);
        encoder.RefuseOthers(VitConfig.Harmless);
        foreach (var source in sources)
            source.RefuseOthers([.. GenerationConfig.Fields, .. source == decoder ? Gpt2Config.Harmless : [.. TransformersFields.Harmless, "tie_word_embeddings"]]);
        return new VisionEncoderDecoderConfig(vit, gpt2, generation);
    }
}

/// <summary>The <c>encoder</c> of an image captioner: a vision transformer (ViTModel). Defaults are those of google/vit-base-patch16-224.</summary>
internal sealed record VitConfig
{
    /// <summary>Of training, of the pooler, and of reconstructing masked images: nothing of a captioner.</summary>
    public static readonly IReadOnlyCollection<string> Harmless =
        [.. TransformersFields.HarmlessWithoutText, "hidden_dropout_prob", "attention_probs_dropout_prob", "encoder_stride", "pooler_output_size", "pooler_act", "tie_word_embeddings"];

    public required int HiddenSize { get; init; }
    public required int NumHiddenLayers { get; init; }
    public required int NumAttentionHeads { get; init; }
    public required int IntermediateSize { get; init; }
    public required string HiddenAct { get; init; }
    public required double LayerNormEps { get; init; }

    /// <summary>Side of the image in pixels.</summary>
    public required int ImageSize { get; init; }

    /// <summary>Side of a patch in pixels.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Whether queries, keys and values have biases.</summary>
    public required bool QkvBias { get; init; }

    /// <summary>The class token, then every patch.</summary>
    public int Tokens => (ImageSize / PatchSize * (ImageSize / PatchSize)) + 1;

    /// <exception cref="CheckpointException">A value is out of range, or asks for a form of the network that is not built here.</exception>
    public static VitConfig Load(JsonConfig json)
    {
        json.Word("model_type", null, "vit");
        json.Integer("num_channels", 3, 3, 3);
        var config = new VitConfig
        {
            HiddenSize = json.Integer("hidden_size", 1, 65_536, 768),
            NumHiddenLayers = json.Integer("num_hidden_layers", 1, 512, 12),
            NumAttentionHeads = json.Integer("num_attention_heads", 1, 1_024, 12),
            IntermediateSize = json.Integer("intermediate_size", 1, 1_048_576, 3_072),
            HiddenAct = json.Word("hidden_act", "gelu", Gpt2Config.Activations),
            LayerNormEps = json.Number("layer_norm_eps", 0, 1, 1e-12),
            ImageSize = json.Integer("image_size", 1, 4_096, 224),
            PatchSize = json.Integer("patch_size", 1, 4_096, 16),
            QkvBias = json.Flag("qkv_bias", true),
        };

        if (config.PatchSize > config.ImageSize)
            throw json.Wrong("patch_size", $"at most image_size {config.ImageSize}");
        return config.HiddenSize % config.NumAttentionHeads == 0
            ? config
            : throw json.Wrong("num_attention_heads", $"a divisor of hidden_size {config.HiddenSize}");
    }
}

/// <summary>The <c>decoder</c> of an image captioner: GPT-2 with cross attention (GPT2LMHeadModel). Defaults are those of the smallest published one.</summary>
internal sealed record Gpt2Config
{
    /// <summary>Of both networks: <c>gelu</c> is exact (erf), <c>gelu_new</c> and <c>gelu_pytorch_tanh</c> are the same approximation.</summary>
    public static readonly string[] Activations = ["gelu", "gelu_new", "gelu_pytorch_tanh", "relu"];

    /// <summary>Of training, of heads for other tasks, of half precision, and an old name of n_positions.</summary>
    public static readonly IReadOnlyCollection<string> Harmless =
    [
        .. TransformersFields.Harmless, "resid_pdrop", "embd_pdrop", "attn_pdrop", "summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels",
        "summary_first_dropout", "reorder_and_upcast_attn", "n_ctx",
    ];

    public required int VocabSize { get; init; }

    /// <summary>Longest text in tokens, the start token included.</summary>
    public required int NPositions { get; init; }
    public required int NEmbd { get; init; }
    public required int NLayer { get; init; }
    public required int NHead { get; init; }

    /// <summary>Width inside the MLP, four times the other unless the file says otherwise.</summary>
    public required int NInner { get; init; }
    public required string ActivationFunction { get; init; }
    public required double LayerNormEpsilon { get; init; }

    /// <summary>Whether the output head may share the embedding's weights.</summary>
    public required bool TieWordEmbeddings { get; init; }
    public int HeadDim => NEmbd / NHead;

    /// <exception cref="CheckpointException">A value is out of range, or asks for a form of the network that is not built here.</exception>
    public static Gpt2Config Load(JsonConfig json)
    {
        json.Word("model_type", null, "gpt2");
        json.Only("add_cross_attention", true);
        json.Only("scale_attn_weights", true);
        json.Only("scale_attn_by_inverse_layer_idx", false);
        var width = json.Integer("n_embd", 1, 65_536, 768);
        var config = new Gpt2Config
        {
            VocabSize = json.Integer("vocab_size", 1, 2_000_000, 50_257),
            NPositions = json.Integer("n_positions", 2, 65_536, 1_024),
            NEmbd = width,
            NLayer = json.Integer("n_layer", 1, 512, 12),
            NHead = json.Integer("n_head", 1, 1_024, 12),
            NInner = json.Integer("n_inner", 1, 1_048_576, 4 * width),
            ActivationFunction = json.Word("activation_function", "gelu_new", Activations),
            LayerNormEpsilon = json.Number("layer_norm_epsilon", 0, 1, 1e-5),
            TieWordEmbeddings = json.Flag("tie_word_embeddings", true),
        };

        return config.NEmbd % config.NHead == 0 ? config : throw json.Wrong("n_head", $"a divisor of n_embd {config.NEmbd}");
    }
}
