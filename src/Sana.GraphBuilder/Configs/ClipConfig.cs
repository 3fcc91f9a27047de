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

    /// <summary>2 stands for old exports, in which the highest id of the text is pooled instead of the first end token.</summary>
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
        var (text, vision) = (json.Section("text_config"), json.Section("vision_config"));

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

        return config.PatchSize <= config.ImageSize ? config : throw vision.Wrong("patch_size", $"at most image_size {config.ImageSize}");
    }
}
