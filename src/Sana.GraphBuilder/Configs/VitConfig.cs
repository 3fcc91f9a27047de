namespace Sana.GraphBuilder.Configs;

/// <summary>The <c>encoder</c> of an image captioner: a vision transformer (ViTModel). Defaults are those of google/vit-base-patch16-224.</summary>
internal sealed record VitConfig
{
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
