namespace Sana.GraphBuilder.Configs;

/// <summary>config.json of a CLIP checkpoint (CLIPModel). A key that it lacks has the value of openai/clip-vit-base-patch32.</summary>
internal sealed record ClipConfig
{
    public required ClipTower Text { get; init; }
    public required ClipTower Vision { get; init; }

    /// <summary>Width of the embeddings that are compared.</summary>
    public required int ProjectionDim { get; init; }
    public required int VocabSize { get; init; }

    /// <summary>Longest text in tokens, start and end included.</summary>
    public required int MaxPositionEmbeddings { get; init; }

    /// <summary>2 in old exports, where the highest id of the text is pooled instead of the first end token.</summary>
    public required int EosTokenId { get; init; }
    public required int NumChannels { get; init; }

    /// <summary>Side of the image in pixels.</summary>
    public required int ImageSize { get; init; }

    /// <summary>Side of a patch in pixels.</summary>
    public required int PatchSize { get; init; }
    public int Patches => ImageSize / PatchSize * (ImageSize / PatchSize);

    /// <exception cref="CheckpointException">A value is out of range, or asks for a form of the network that is not built here.</exception>
    public static ClipConfig Load(string configFile)
    {
        var json = JsonConfig.Load(configFile);
        json.Word("model_type", "clip", "clip");
        var (text, vision) = (Tower(json, "text_config"), Tower(json, "vision_config"));
        text.Word("model_type", "clip_text_model", "clip_text_model", "clip");
        vision.Word("model_type", "clip_vision_model", "clip_vision_model", "clip");

        var config = new ClipConfig
        {
            Text = ClipTower.Load(text, hiddenSize: 512, intermediateSize: 2_048, heads: 8),
            Vision = ClipTower.Load(vision, hiddenSize: 768, intermediateSize: 3_072, heads: 12),
            ProjectionDim = json.Integer("projection_dim", 1, 65_536, 512),
            VocabSize = text.Integer("vocab_size", 1, 2_000_000, 49_408),
            MaxPositionEmbeddings = text.Integer("max_position_embeddings", 1, 65_536, 77),
            EosTokenId = text.Integer("eos_token_id", 0, int.MaxValue, 49_407),
            NumChannels = vision.Integer("num_channels", 3, 3, 3),
            ImageSize = vision.Integer("image_size", 1, 4_096, 224),
            PatchSize = vision.Integer("patch_size", 1, 4_096, 32),
        };

        json.RefuseOthers([.. TransformersFields.HarmlessWithoutText, "logit_scale_init_value", "text_config", "vision_config"]);
        // The projection that counts is the one beside the towers.
        foreach (var tower in new[] { text, vision })
            tower.RefuseOthers([.. TransformersFields.HarmlessWithoutText, "projection_dim"]);
        return config.PatchSize <= config.ImageSize ? config : throw vision.Wrong("patch_size", $"at most image_size {config.ImageSize}");
    }

    // Older files have the sections twice; the reference takes the one that ends in _dict as a whole.
    private static JsonConfig Tower(JsonConfig json, string section) => json.Section(json.Has(section + "_dict") ? section + "_dict" : section);
}

/// <summary>The config of one tower of CLIP or SigLIP.</summary>
/// <param name="HiddenSize">Width of a token.</param>
/// <param name="IntermediateSize">Width inside the MLP.</param>
/// <param name="NumHiddenLayers">Layers, 1…512.</param>
/// <param name="NumAttentionHeads">Heads; they divide the width.</param>
/// <param name="HiddenAct"><c>quick_gelu</c> (x·sigmoid(1.702x), OpenAI's weights) or <c>gelu</c> (exact, with erf); of SigLIP <c>gelu_pytorch_tanh</c>, or another of <see cref="Gpt2Config.Activations"/>.</param>
/// <param name="LayerNormEps">Added to the variance, 1e-5 in published models, 1e-6 of SigLIP.</param>
internal sealed record ClipTower(int HiddenSize, int IntermediateSize, int NumHiddenLayers, int NumAttentionHeads, string HiddenAct, double LayerNormEps)
{
    public static ClipTower Load(JsonConfig json, int hiddenSize, int intermediateSize, int heads)
    {
        var tower = new ClipTower(
            json.Integer("hidden_size", 1, 65_536, hiddenSize),
            json.Integer("intermediate_size", 1, 1_048_576, intermediateSize),
            json.Integer("num_hidden_layers", 1, 512, 12),
            json.Integer("num_attention_heads", 1, 1_024, heads),
            json.Word("hidden_act", "quick_gelu", "quick_gelu", "gelu"),
            json.Number("layer_norm_eps", 0, 1, 1e-5));
        return tower.HiddenSize % tower.NumAttentionHeads == 0
            ? tower
            : throw json.Wrong("num_attention_heads", $"a divisor of hidden_size {tower.HiddenSize}");
    }
}

/// <summary>The tensors of CLIPModel in forward order. The integer <c>position_ids</c> of older files only count upwards and are not needed.</summary>
internal static class ClipTensors
{
    public static IEnumerable<ExpectedTensor> All(ClipConfig config) => Text(config).Concat(Vision(config)).Append(new("logit_scale"));

    public static IEnumerable<ExpectedTensor> Text(ClipConfig config)
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

    public static IEnumerable<ExpectedTensor> Vision(ClipConfig config)
    {
        var d = config.Vision.HiddenSize;
        IEnumerable<ExpectedTensor> embeddings =
        [
            new("vision_model.embeddings.class_embedding", d),
            new("vision_model.embeddings.patch_embedding.weight", d, config.NumChannels, config.PatchSize, config.PatchSize),
            new("vision_model.embeddings.position_embedding.weight", config.Patches + 1, d),
            .. Affine("vision_model.pre_layrnorm", d), // spelled so in the checkpoints
        ];
        return embeddings
            .Concat(Layers(config.Vision, "vision_model"))
            .Concat(Affine("vision_model.post_layernorm", d))
            .Append(new("visual_projection.weight", config.ProjectionDim, d));
    }

    /// <summary>Of a tower, in forward order; SigLIP has the same.</summary>
    internal static IEnumerable<ExpectedTensor> Layers(ClipTower tower, string name) =>
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

    internal static ExpectedTensor[] Affine(string name, params long[] weight) => [new($"{name}.weight", weight), new($"{name}.bias", weight[0])];
}
